import tracemalloc
from io import BytesIO

import pytest

from worker.cli.intake import LONGEST_LINE, lines_of, read
from worker.errors import BadInput

HEADER = b"task,seller,order_id,reason\n"


def lines(content):
    return content.splitlines(keepends=True)


def good(content):
    return {r.line: r.words for r in read(lines(content)) if not isinstance(r.words, BadInput)}


def bad(content):
    return {r.line: str(r.words) for r in read(lines(content)) if isinstance(r.words, BadInput)}


def test_csv_is_read_by_its_header_and_an_empty_cell_is_not_given():
    assert good(HEADER + b"cancel,acme,S01,\n") == {
        2: {"task": "cancel", "seller": "acme", "order_id": "S01"}
    }


def test_json_lines_are_known_by_their_brace():
    assert good(b'\n  {"order_id": "S01", "priority": 3, "reason": null}\n') == {
        2: {"order_id": "S01", "priority": 3}
    }


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_the_header_tells_the_delimiter(delimiter):
    content = "seller,order_id\nacme,S01\n".replace(",", delimiter)
    assert good(content.encode()) == {2: {"seller": "acme", "order_id": "S01"}}


def test_a_byte_order_mark_windows_line_ends_and_capitals_are_read():
    content = b"\xef\xbb\xbfOrder_ID;Seller\r\nS01;acme\r\n\r\nS02;acme"
    assert list(good(content).values()) == [
        {"order_id": "S01", "seller": "acme"},
        {"order_id": "S02", "seller": "acme"},
    ]


def test_a_byte_order_mark_stands_before_json_lines_too():
    assert good(b'\xef\xbb\xbf{"order_id": "S01"}\n') == {1: {"order_id": "S01"}}


def test_a_cell_in_quotes_may_hold_delimiters_and_line_ends():
    content = HEADER + b'cancel,acme,S01,"one,\ntwo ""quoted"""\ncancel,acme,S02,x\n'
    found = good(content)
    assert found[2]["reason"] == 'one,\ntwo "quoted"'
    assert found[4]["order_id"] == "S02"


def test_a_quote_that_is_never_closed_costs_its_own_line_only():
    content = HEADER + b'cancel,acme,S01,"open\n' + b"cancel,acme,S02,x\n" * 30
    assert bad(content) == {2: "line: is not CSV: a quote is opened and not closed."}
    assert len(good(content)) == 30


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"cancel,acme\n", "line: has 2 cells, and the header names 4 columns."),
        (b"cancel,acme,S01,x,y\n", "line: has 5 cells"),
        (b"cancel,acme,S01,\xff\n", "reason: is not UTF-8 text"),
        (b'cancel,acme,"S01"2,x\n', "line: is not CSV"),
    ],
)
def test_a_broken_line_of_csv_is_told_and_its_neighbours_are_read(line, said):
    content = HEADER + b"cancel,acme,S01,x\n" + line + b"cancel,acme,S02,x\n"
    assert bad(content)[3].startswith(said)
    assert list(good(content)) == [2, 4]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"{not json}\n", "line: is not JSON"),
        (b"[1]\n", "line: is no JSON object"),
        (b'{"order": "S01"}\n', "order: is no word of a request; there are task"),
        (b"[" * 100_000 + b"\n", "line: is not JSON (nested too deeply)"),
    ],
)
def test_a_broken_line_of_json_is_told_and_its_neighbours_are_read(line, said):
    content = b'{"order_id": "S01"}\n' + line + b'{"order_id": "S02"}\n'
    assert bad(content)[2].startswith(said)
    assert list(good(content)) == [1, 3]


def test_a_priority_that_is_no_number_is_told():
    assert bad(b"order_id,priority\nS01,high\n") == {2: "priority: 'high' is not a whole number."}


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (b"order_id,sellr\n", "'sellr' is no column; there are task, seller"),
        (b"order_id,seller,seller\n", "names a column twice"),
        (b"task,seller\n", "has no column order_id"),
    ],
)
def test_a_header_that_cannot_be_read_refuses_the_file(header, said):
    with pytest.raises(BadInput, match=said):
        list(read(lines(header + b"a,b\n")))


def test_an_empty_file_has_no_records():
    assert list(read([])) == list(read([b"\n", b"  \n"])) == []


def test_memory_does_not_grow_with_the_file():
    def million():
        yield HEADER
        for number in range(1_000_000):
            if number == 1_000:
                tracemalloc.start()
            if number == 20_000:
                return
            yield b"cancel,acme,S01-%d,x\n" % number

    try:
        assert sum(1 for _ in read(million())) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 200_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("header", [b"order_id,seller\rS01,acme\r", b'order_id,"' + b"x" * 200_000])
def test_a_header_that_is_no_csv_is_told(header):
    with pytest.raises(BadInput, match="is not CSV"):
        list(read([header]))


def test_a_field_that_is_too_long_costs_its_own_line_only():
    content = b"order_id,seller\n" + b"x" * 200_000 + b",acme\nS01,acme\n"
    assert list(bad(content)) == [2]
    assert good(content)[3]["order_id"] == "S01"


@pytest.mark.parametrize("end", [b"\n", b""])
def test_a_line_is_cut_a_byte_after_the_longest_and_the_next_ones_are_whole(end):
    longest = b"x" * (LONGEST_LINE - 1) + b"\n"
    stream = BytesIO(b"a\n" + longest + b"y" * (5 * LONGEST_LINE) + b"\n" + longest + b"b" + end)
    found = list(lines_of(stream))
    assert [len(line) for line in found[:4]] == [2, LONGEST_LINE, LONGEST_LINE + 1, LONGEST_LINE]
    assert found[4:] == [b"b" + end]


def test_a_line_without_an_end_is_read_in_constant_memory():
    class Endless:
        left = 64 * LONGEST_LINE

        def readline(self, size):
            size = min(size, self.left)
            self.left -= size
            return b"x" * size

    tracemalloc.start()
    try:
        assert [len(line) for line in lines_of(Endless())] == [LONGEST_LINE + 1]
        assert tracemalloc.get_traced_memory()[1] < 4 * LONGEST_LINE
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_refused_with_what_to_do(encoding):
    content = "order_id;seller\r\nS01;acme\r\n".encode(encoding)
    with pytest.raises(BadInput, match="is UTF-16 text; save it as UTF-8"):
        list(read(lines(content)))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_spreadsheets_line_that_names_the_delimiter_is_heeded(delimiter):
    content = f"\ufeffsep={delimiter}\r\norder_id{delimiter}reason\r\nS01{delimiter}x\r\n"
    assert good(content.encode()) == {3: {"order_id": "S01", "reason": "x"}}


def test_a_line_break_inside_quotes_with_windows_line_ends_is_of_its_cell():
    content = b'order_id;reason\r\nS01;"sold\r\nout; ""sorry"""\r\nS02;x\r\n'
    assert good(content) == {
        2: {"order_id": "S01", "reason": 'sold\r\nout; "sorry"'},
        4: {"order_id": "S02", "reason": "x"},
    }


@pytest.mark.parametrize("content", [b"order_id,seller\nS01,acme\n", b'{"order_id": "S01"}\n'])
def test_other_commands_have_columns_of_their_own(content):
    columns = ("seller", "order_id")
    (record, *_) = read(lines(content), columns)
    assert record.words["order_id"] == "S01"


def test_a_column_of_another_command_is_none():
    with pytest.raises(BadInput, match="'reason' is no column; there are seller, order_id"):
        list(read(lines(b"order_id,reason\n"), ("seller", "order_id")))
    (record,) = read([b'{"order_id": "S01", "reason": "x"}'], ("seller", "order_id"))
    assert str(record.words).startswith("reason: is no word of a request")
