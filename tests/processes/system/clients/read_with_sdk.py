"""Ask a tenant with Zuora's own SDK, and print what it understood as JSON.

Run in an environment of its own: `read_with_sdk.py BASE_URL CLIENT_ID CLIENT_SECRET QUESTION...`,
where a question is a text in ZOQL, or an account or an invoice as `accounts/KEY`, `invoices/KEY`.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

sdk = import_module("zuora_sdk")  # it is not in the environment of those who check types


def main() -> None:
    """Log in, ask each question, and print the list of the answers."""
    client_of = import_module("zuora_sdk.zuora_client").ZuoraClient

    base_url, client_id, secret, *questions = sys.argv[1:]
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
    print(json.dumps(answers))


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
