"""Ask a tenant with Zuora's own SDK, and print what it understood as JSON.

Run in an environment of its own: `read_with_sdk.py CLIENT_ID CLIENT_SECRET [BASE_URL QUESTION...]`,
and for each further tenant a `--` and the like. A question is a text in ZOQL, or an account or an
invoice as `accounts/KEY`, `invoices/KEY`. The answers are a list for each tenant.
"""

from __future__ import annotations

import gc
import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

gc.disable()  # two thousand models are no garbage: looking for it is a third of their loading
sdk = import_module("zuora_sdk")  # it is not in the environment of those who check types


def main() -> None:
    """Ask each tenant its questions, and print the lists of their answers."""
    client_id, secret, *words = sys.argv[1:]
    told: list[list[Any]] = []
    while words:
        end = words.index("--") if "--" in words else len(words)
        base_url, *questions = words[:end]
        told.append(answers_of(base_url, client_id, secret, questions))
        words = words[end + 1 :]
    print(json.dumps(told))


def answers_of(base_url: str, client_id: str, secret: str, questions: list[str]) -> list[Any]:
    """Log in, and ask each question."""
    client_of = import_module("zuora_sdk.zuora_client").ZuoraClient
    client = client_of(client_id, secret, None, sdk.Configuration(host=base_url, retries=False))
    client.initialize()
    readers = {
        "accounts": sdk.AccountsApi(client.api_client).get_account,
        "invoices": sdk.InvoicesApi(client.api_client).get_invoice,
    }
    actions = sdk.ActionsApi(client.api_client)
    answers: list[Any] = []
    for question in questions:
        kind, _, key = question.partition("/")
        if kind in readers:
            answers.append(read(readers[kind], key))
        else:
            answers.append(query(actions, question))
    return answers


def query(actions: Any, zoql: str) -> list[Any]:
    """Give the records that a query finds."""
    answer = actions.action_post_query(sdk.ProxyActionqueryRequest(query_string=zoql))
    if not answer.done or answer.size != len(answer.records or []):
        raise SystemExit(f"not the whole answer: {answer}")
    return answer.records or []


def read(reader: Callable[[str], Any], key: str) -> dict[str, Any]:
    """Give what the SDK's own models hold of one thing, or the status of what is not there."""
    try:
        answer = reader(key)
    except sdk.ApiException as refused:
        return {"status": refused.status}
    return held(answer)


def held(model: Any) -> dict[str, Any]:
    """Give the fields of a model as texts; what the model has no field for is refused."""
    if model.additional_properties:
        raise SystemExit(f"not in the SDK's model: {model.additional_properties}")
    fields = ((name, getattr(model, name)) for name in type(model).model_fields)
    return {
        name: held(value) if hasattr(value, "additional_properties") else str(value)
        for name, value in fields
        if value is not None and name != "additional_properties"
    }


main()
