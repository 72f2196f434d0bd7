"""Each figure of the README, with the peers that it is compared with: `make bench`.

`python -m benchmarks` runs all of them, `python -m benchmarks NAME …` some. Each has a module,
whose docstring says what is measured and how, and leaves a table (Markdown) and a plot (SVG) in
`results/`. All contestants of a benchmark run one after the other, within minutes, against the
same servers on the same machine: their ratio is the result, the figures themselves belong to the
machine.

    utilisation, sellers   share of the permitted requests that are made, throttles, losses
    fleet                  the same for 1 to 16 workers, over a bad network, while they restart
    neighbour              an idle seller's latency beside another one's backlog
    throughput             confirms a second without a quota, memory, CPU when idle
    delay                  what `delay` costs its caller
    waiting                claim, dispatch and settle beside many waiting jobs
    expectation            when a job starts, against what was said when it was accepted
    pages                  how long each page of the web takes, with a million jobs
    intake                 jobs accepted a second over HTTP
    signing                one signature

What they share: `provider` (the sandbox, in a process of its own, whose log is what is judged),
`contestants`, `websites` and `peers` (who is measured), `processes`, `asking`, `expecting`, `pile`
and `archive` (what runs, and what it is given to do), `saturation` and `line` (a quota, and what
was made of it), `machine` (what else runs), `report` (table and plot). Servers are the benchmark's
own, on free ports.
"""
