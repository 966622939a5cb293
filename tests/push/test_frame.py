"""Frames as websockets itself reads them."""

import json

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

from market_data.push import frame

from .publications import message


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 1_000_000])
def test_a_client_reads_the_text_of_a_frame_whatever_its_length(length: int) -> None:
    payload = b"x" * length
    (found,) = _read(frame.text(payload))
    assert (found.opcode, bytes(found.data), found.fin) == (Opcode.TEXT, payload, True)
    assert list(frame.payloads(frame.text(b"before") + frame.text(payload) + frame.text(b""))) == [
        b"before",
        payload,
        b"",
    ]


def test_frames_can_follow_each_other_in_one_piece() -> None:
    found = _read(frame.text(b"a") + frame.PING + frame.text(b"b" * 200))
    assert [one.opcode for one in found] == [Opcode.TEXT, Opcode.PING, Opcode.TEXT]


def test_a_message_is_the_publication_with_its_position() -> None:
    one = message(42, "BRK.B", minute=3, revision=1)
    told = json.loads(one.payload)
    assert (told["type"], told["symbol"], told["close"], told["revision"]) == ("bar", "BRK.B", 103.01, 1)
    assert told["position"] == "1720000000000-42" == str(one.position)


def _read(data: bytes) -> list[Frame]:
    client = ClientProtocol(parse_uri("ws://localhost/"), state=State.OPEN, max_size=2**21)
    client.receive_data(data)
    return [one for one in client.events_received() if isinstance(one, Frame)]
