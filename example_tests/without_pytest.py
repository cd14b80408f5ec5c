"""Call a plugin from a script: python example_tests/without_pytest.py fixtures/reference/rust"""

import sys

import pytest_mockforge


def main(spec: str) -> None:
    request = pytest_mockforge.RequestBuilder()
    with pytest_mockforge.load(spec, fuel="50M", timeout="4s") as plugin:
        print(plugin.template_function("upper", "abc"))

        reply = plugin.authenticate(request.auth(query={"token": "alpha"}))
        print(reply.identity.user_id if reply.identity else reply.error_message)
        print("fuel was counted:", bool(plugin.last and plugin.last.fuel))

        try:
            plugin.template_function("no-such-function")
        except pytest_mockforge.Refusal as refusal:
            print("refused:", refusal.message)


if __name__ == "__main__":
    main(sys.argv[1])
