"""What hangs on a job and cannot be sent stops neither its message nor those of others."""

import struct

from worker.following import send_with


def test_what_no_broker_has_room_for_is_left_out():
    sent = []

    def send(**hung):
        if hung.get("reply_to"):
            struct.pack("B", len(hung["reply_to"]))  # as amqp does
        sent.append(hung)

    send_with(send, {"reply_to": "x" * 256, "shadow": "a name"})
    assert sent == [{"add_to_parent": False}]
