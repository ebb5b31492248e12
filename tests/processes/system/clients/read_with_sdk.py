"""Ask a tenant with Zuora's own SDK, and print what it understood as JSON.

Run in an environment of its own: `read_with_sdk.py BASE_URL CLIENT_ID CLIENT_SECRET ZOQL...`.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module


def main() -> None:
    """Log in, ask each question, and print a list of records for each."""
    sdk = import_module("zuora_sdk")  # it is not in the environment of those who check types
    client_of = import_module("zuora_sdk.zuora_client").ZuoraClient

    base_url, client_id, secret, *questions = sys.argv[1:]
    client = client_of(client_id, secret, None, sdk.Configuration(host=base_url, retries=False))
    client.initialize()
    actions = sdk.ActionsApi(client.api_client)
    found = []
    for zoql in questions:
        answer = actions.action_post_query(sdk.ProxyActionqueryRequest(query_string=zoql))
        if not answer.done or answer.size != len(answer.records or []):
            raise SystemExit(f"not the whole answer: {answer}")
        found.append(answer.records or [])
    print(json.dumps(found))


main()
