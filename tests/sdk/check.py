#!/usr/bin/env python3
"""Checks the stand-in cloud with the vendors' own SDKs: what they accept, a real client accepts.

    python3 -m venv venv && venv/bin/pip install deepgram-sdk openai
    cargo build && venv/bin/python tests/sdk/check.py target/debug/ringwell

Starts `ringwell sandbox` on a free port, talks to it with the SDKs, and says what it did. Exit 0 if all is well.
"""

import json
import socket
import subprocess
import sys
import time
import urllib.request

import openai
from deepgram import DeepgramClient
from deepgram.core.api_error import ApiError
from deepgram.environment import DeepgramClientEnvironment
from deepgram.speak.v1.types.speak_v1text import SpeakV1Text
from websockets.exceptions import InvalidStatus

QUESTION = "How do I reset my password?"
NOTE = "Knowledge base articles.\n\n[1] How to reset your password\nTo reset your password, open the sign-in page."
SILENCE = b"\xff" * 8000


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(binary):
    port = free_port()
    process = subprocess.Popen([binary, "sandbox", "--listen", f"127.0.0.1:{port}"])
    for _ in range(100):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/state", timeout=1).read()
            return process, port
        except OSError:
            time.sleep(0.1)
    process.kill()
    raise SystemExit("the sandbox does not start")


def strict(message):
    """The SDK builds messages without looking; this looks: required fields, types, literals."""
    type(message).model_validate(message.model_dump(exclude_unset=True))
    return message


def deepgram(port, key="k"):
    http, ws = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"
    place = DeepgramClientEnvironment(base=http, production=ws, agent=ws, agent_rest=http)
    return DeepgramClient(api_key=key, environment=place)


def check_rest(client):
    audio = b"".join(
        client.speak.v1.audio.generate(
            text=QUESTION, model="aura-2-thalia-en", encoding="mulaw", sample_rate=8000, container="none"
        )
    )
    assert len(audio) > 8000, len(audio)
    return audio


def check_voice(client):
    options = {"model": "aura-2-thalia-en", "encoding": "mulaw", "sample_rate": 8000}
    with client.speak.v1.connect(**options) as voice:
        assert strict(voice.recv()).type == "Metadata"
        voice.send_text(SpeakV1Text(text="Hello there."))
        voice.send_flush()
        audio = 0
        while isinstance(message := voice.recv(), bytes):
            audio += len(message)
        assert strict(message).type == "Flushed" and audio > 3000, (message, audio)
        voice.send_clear()
        assert strict(voice.recv()).type == "Cleared"
        voice.send_close()


def check_ear(client, audio):
    events = []
    options = {"model": "flux-general-en", "encoding": "mulaw", "sample_rate": 8000, "eager_eot_threshold": 0.4}
    with client.listen.v2.connect(**options) as ear:
        assert strict(ear.recv()).type == "Connected"
        ear.send_configure({"type": "Configure", "thresholds": {"eot_threshold": 0.8}, "keyterms": ["Kayako"]})
        assert strict(ear.recv()).thresholds.eot_threshold == 0.8
        sound = audio + SILENCE
        for at in range(0, len(sound), 640):
            ear.send_media(sound[at : at + 640])
        while True:
            turn = strict(ear.recv())
            events.append(turn.event)
            if turn.event == "EndOfTurn":
                break
        assert turn.transcript == QUESTION and turn.trigger == "model", turn
        assert turn.words[0].word == "How" and turn.words[0].end > turn.words[0].start
        ear.send_close_stream()
    assert [event for event in events if event != "Update"] == ["StartOfTurn", "EagerEndOfTurn", "EndOfTurn"], events


def check_refusals(port):
    try:
        with deepgram(port, "refused").listen.v2.connect(model="flux-general-en"):
            raise AssertionError("a wrong key was taken")
    except (ApiError, InvalidStatus) as error:
        assert "401" in str(error), error
    try:
        check_rest(deepgram(port, "refused"))
        raise AssertionError("a wrong key was taken")
    except ApiError as error:
        assert error.status_code == 401 and error.body["err_code"] == "INVALID_AUTH", error


TOOL = {
    "name": "hand_over",
    "description": "Call a person.",
    "strict": True,
    "parameters": {
        "type": "object",
        "properties": {"reason": {"type": "string"}},
        "required": ["reason"],
        "additionalProperties": False,
    },
}


def conversation(question):
    return [{"role": "developer", "content": NOTE}, {"role": "user", "content": question}]


def check_responses(client):
    tools = [{"type": "function", **TOOL}]
    options = {"model": "gpt-6-sol", "instructions": "Answer.", "tools": tools, "store": False}
    with client.responses.stream(input=conversation(QUESTION), **options) as stream:
        numbers = []
        for event in stream:
            type(event).model_validate(event.model_dump(exclude_unset=True, warnings=False))
            numbers.append(getattr(event, "sequence_number", None))
        final = stream.get_final_response()
    assert final.output_text == "To reset your password, open the sign-in page.", final
    assert numbers == sorted(numbers) and final.usage.output_tokens > 5
    with client.responses.stream(input=conversation("Where is my parcel?"), **options) as stream:
        call = stream.get_final_response().output[0]
    assert call.name == "hand_over" and "parcel" in json.loads(call.arguments)["reason"], call
    whole = client.responses.create(input=conversation(QUESTION), **options)
    assert whole.output_text == final.output_text and whole.status == "completed"
    result = [*conversation("Where is my parcel?"), call.model_dump(include={"type", "call_id", "name", "arguments"})]
    result.append({"type": "function_call_output", "call_id": call.call_id, "output": "noted"})
    assert "colleague" in client.responses.create(input=result, **options).output_text


def check_chat(client):
    tools = [{"type": "function", "function": TOOL}]
    options = {"model": "gpt-5.4", "tools": tools, "stream_options": {"include_usage": True}}
    messages = [{"role": "system", "content": "Answer."}, *conversation(QUESTION)]
    text, usage = "", None
    for chunk in client.chat.completions.create(messages=messages, stream=True, **options):
        type(chunk).model_validate(chunk.model_dump(exclude_unset=True))
        usage = chunk.usage or usage
        text += "".join(choice.delta.content or "" for choice in chunk.choices)
    assert text == "To reset your password, open the sign-in page." and usage.total_tokens > 10
    messages[-1] = {"role": "user", "content": "Where is my parcel?"}
    with client.chat.completions.stream(messages=messages, **options) as stream:
        for _ in stream:
            pass
        choice = stream.get_final_completion().choices[0]
    assert choice.finish_reason == "tool_calls" and choice.message.tool_calls[0].function.name == "hand_over"
    whole = client.chat.completions.create(model="gpt-5.4", messages=messages)
    assert whole.choices[0].finish_reason == "stop" and whole.choices[0].message.content


def check_errors(client, port):
    for wanted, request in [
        (openai.BadRequestError, {"model": "gpt-6-sol", "max_tokens": 5}),
        (openai.NotFoundError, {"model": "no-such-model"}),
    ]:
        try:
            client.chat.completions.create(messages=[{"role": "user", "content": "hi"}], **request)
            raise AssertionError(f"{request} was taken")
        except wanted as error:
            assert error.request_id, error
    fault = {"service": "model", "stage": "connect", "kind": "status", "status": 429, "retry_after": 1, "count": 1}
    body = json.dumps(fault).encode()
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/faults", data=body, method="POST")).read()
    # The SDK waits as Retry-After says, asks again, and is answered.
    before = time.monotonic()
    assert client.responses.create(model="m", input=conversation(QUESTION)).output_text
    assert time.monotonic() - before >= 0.9


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    process, port = start(sys.argv[1])
    try:
        client = deepgram(port)
        audio = check_rest(client)
        print("deepgram-sdk: POST /v1/speak")
        check_voice(client)
        print("deepgram-sdk: WS /v1/speak")
        check_ear(client, audio)
        print("deepgram-sdk: WS /v2/listen")
        check_refusals(port)
        print("deepgram-sdk: refusals")
        client = openai.OpenAI(api_key="k", base_url=f"http://127.0.0.1:{port}/v1")
        check_responses(client)
        print("openai: /v1/responses")
        check_chat(client)
        print("openai: /v1/chat/completions")
        check_errors(client, port)
        print("openai: errors and retries")
    finally:
        process.terminate()
        process.wait(10)


if __name__ == "__main__":
    main()
