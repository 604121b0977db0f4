import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab_logger.jsonable import JsonValue
from lab_logger.redaction import REDACTED, Redactor, is_secret_name, redact_params, secret_values

OPENAI_KEY = "sk-proj-Ab3_dEfGh1jKlMn0pQrStUvWx-Yz"
GITHUB_KEY = "ghp_0123456789abcdefghijABCDEFGHIJ012345"


@pytest.mark.parametrize(
    "name",
    [
        "password", "PASSWORD", "db_password", "dbPassword", "passwd", "ssh.passphrase", "secret", "client_secret",
        "clientSecret", "secrets", "credential", "aws-credentials", "apikey", "APIKey", "apiKey", "api_key", "api-key",
        "OPENAI_API_KEY", "OPENAI_APIKEY", "api_key_2", "API_KEY2", "access_key", "AWS_SECRET_ACCESS_KEY",
        "private_key", "secret_key", "auth_token", "authToken", "use_auth_token", "access_token", "accesstoken",
        "api_token", "bearer_token", "refresh_token", "session_token", "token", "hf_token", "HF_TOKEN", "githubToken",
        "GITHUB_PAT", "pat", "model.optimizer.api_key", "first_api_token", "private_key_pem", "signing_key",
    ],
)  # fmt: skip
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "", "lr", "max_tokens", "n_tokens", "num_tokens", "tokens", "tokenizer", "tokenizer_name", "tokenize",
        "pad_token", "padToken", "eos_token", "bos_token", "sep_token", "cls_token", "mask_token", "unk_token",
        "start_token",
        "decoder_start_token", "end_token", "special_token", "image_token", "stop_token", "pad_token_id", "token_dim",
        "token_type", "key", "keys", "key_dim", "sort_key", "public_key", "primary_key", "path", "pattern", "patience",
        "patch_size", "compass", "passes", "secretary", "monkey_api", "max_new_tokens", "api", "access", "author",
    ],
)  # fmt: skip
def test_names_of_machine_learning_are_not_secret(name: str) -> None:
    assert not is_secret_name(name)


def test_parameters_under_a_secret_name_are_replaced_at_any_depth() -> None:
    params: dict[str, JsonValue] = {
        "lr": 0.1,
        "api_key": "abc",
        "password": 1234,
        "passphrase": None,
        "optim": [{"name": "adam", "db.password": True}],
        "credentials": {"user": "ada", "keys": ["a", 1, None]},
        "hf_token": "abc",
        "token": 7,
        "use_auth_token": True,
        "access_token": ["abc", 1],
        "pad_token": "<pad>",
        "max_tokens": 512,
    }

    assert redact_params(params) == {
        "lr": 0.1,
        "api_key": REDACTED,
        "password": REDACTED,
        "passphrase": None,
        "optim": [{"name": "adam", "db.password": REDACTED}],
        "credentials": {"user": REDACTED, "keys": [REDACTED, REDACTED, None]},
        "hf_token": REDACTED,
        "token": 7,
        "use_auth_token": True,
        "access_token": [REDACTED, 1],
        "pad_token": "<pad>",
        "max_tokens": 512,
    }
    assert params["api_key"] == "abc"


@pytest.mark.parametrize("params", [None, 3, "text", [1, "a"], {}, {"lr": 0.1, "layers": [1, 2]}])
def test_parameters_without_secrets_stay_as_they_are(params: JsonValue) -> None:
    assert redact_params(params) == params


def test_known_values_are_replaced_wherever_they_occur() -> None:
    redactor = Redactor(["hunter22", "hunter22-long"])

    assert redactor.text("a=hunter22;b=hunter22-long;hunter22hunter22") == (
        f"a={REDACTED};b={REDACTED};{REDACTED}{REDACTED}"
    )
    assert redactor.json({"hunter22": ["x hunter22", 1, None, {"a": True}]}) == {
        REDACTED: [f"x {REDACTED}", 1, None, {"a": True}]
    }


def test_a_known_value_is_found_in_other_spellings() -> None:
    redactor = Redactor(['p@ss"/wörd'])

    assert redactor.text(json.dumps({"a": 'p@ss"/wörd'})) == f'{{"a": "{REDACTED}"}}'
    assert redactor.text("https://h/?q=p%40ss%22%2Fw%C3%B6rd&x") == f"https://h/?q={REDACTED}&x"


def test_each_line_of_a_longer_value_is_replaced_in_a_diff() -> None:
    key = "first-line-of-a-key-0001\nsecond-line-of-a-key-0002\nend"
    diff = "+first-line-of-a-key-0001\n+second-line-of-a-key-0002\n+end\n"

    assert Redactor([key]).text(diff) == f"+{REDACTED}\n+{REDACTED}\n+end\n"


@given(st.lists(st.text(min_size=1)), st.text())
def test_no_known_value_is_left_in_a_text(values: list[str], text: str) -> None:
    redacted = Redactor(values).text(text.join(values))

    assert redacted is not None
    assert not any(value in redacted.replace(REDACTED, "\x00") for value in values if "\x00" not in value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("", ""),
        ("plain text", "plain text"),
        ("postgres://ada:s3cret@db.local/x", f"postgres://ada:{REDACTED}@db.local/x"),
        ("postgres://ada:s3@cret@db.local/x", f"postgres://ada:{REDACTED}@db.local/x"),
        ("pip install git+https://:pw@host/r.git.", f"pip install git+https://:{REDACTED}@host/r.git."),
        ("a://b:c@d", f"a://b:{REDACTED}@d"),
        ("http://host:8000/path and mail@host", "http://host:8000/path and mail@host"),
        ("ssh://git@host/repo", "ssh://git@host/repo"),
        (f"key={OPENAI_KEY}", f"key={REDACTED}"),
        ("sk-0123456789abcdefghijklmnopqrstuvwxyz", REDACTED),
        ("sk-or-v1-0123456789abcdef0123456789abcdef", REDACTED),
        ("sk-learn-pipeline-experiment-1", "sk-learn-pipeline-experiment-1"),
        ("task-0123456789abcdefghijklmnop", "task-0123456789abcdefghijklmnop"),
        (f"({GITHUB_KEY})", f"({REDACTED})"),
        ("github_pat_11ABCDEFG0123456789_abcdefgh", REDACTED),
        ("hf_abcdefghijABCDEFGHIJ0123456789abcd", REDACTED),
        ("hf_model_name", "hf_model_name"),
        ("xoxb-123456789012-abcdefGHIJ", REDACTED),
        ("AKIAIOSFODNN7EXAMPLE", REDACTED),
        ("Authorization: Bearer abcdefgh12345678", f"Authorization: Bearer {REDACTED}"),
        ("authorization: bearer tok3n-value", f"authorization: bearer {REDACTED}"),
        ("Bearer of good news", "Bearer of good news"),
        (
            "+-----BEGIN RSA PRIVATE KEY-----\n-MIIEabc+/=\n------END RSA PRIVATE KEY-----\n rest",
            f"+{REDACTED}\n rest",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIEcut off", REDACTED),
    ],
)
def test_passwords_in_addresses_and_keys_of_known_shapes_are_replaced(text: str | None, expected: str | None) -> None:
    redactor = Redactor([])

    assert redactor.text(text) == expected
    assert redactor.text(expected) == expected


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["python", "run.py", "--lr", "0.1"], ["python", "run.py", "--lr", "0.1"]),
        (["run.py", "--api-key", "abc", "--lr", "1"], ["run.py", "--api-key", REDACTED, "--lr", "1"]),
        (["run.py", "--api_key=abc def"], ["run.py", f"--api_key={REDACTED}"]),
        (["run.py", "password=hunter2"], ["run.py", f"password={REDACTED}"]),
        (["run.py", "+db.password=hunter2"], ["run.py", f"+db.password={REDACTED}"]),
        (["run.py", "--use-auth-token", "--lr", "1"], ["run.py", "--use-auth-token", "--lr", "1"]),
        (["run.py", "--token", "abc"], ["run.py", "--token", REDACTED]),
        (["run.py", "--max-tokens", "5", "--pad_token=x"], ["run.py", "--max-tokens", "5", "--pad_token=x"]),
        (["python", "-c", "f(api_key='a b', n=1)"], ["python", "-c", f"f(api_key={REDACTED}, n=1)"]),
        (["sh", "-c", "run --password=abc --n=1"], ["sh", "-c", f"run --password={REDACTED} --n=1"]),
        (["run.py", "known-value", GITHUB_KEY], ["run.py", REDACTED, REDACTED]),
        (["run.py", "--api-key"], ["run.py", "--api-key"]),
        ([], []),
    ],
)
def test_secrets_in_a_command_are_replaced(argv: list[str], expected: list[str]) -> None:
    assert Redactor(["known-value"]).command(argv) == expected


def test_the_environment_gives_the_values_of_secret_names() -> None:
    environ = {
        "OPENAI_API_KEY": "key-from-environment",
        "DB_PASSWORD": "12345678",
        "HOME": "/home/ada",
        "EDITOR": "vi-editor",
        "MY_TOKEN": "short",
        "GITHUB_TOKEN": "<Insert_key_here>",
        "GOOGLE_APPLICATION_CREDENTIALS": "/home/ada/key.json",
        "AWS_SECRET_ACCESS_KEY": "/wJalrXUtnFEMI7K7MDENG/bPxRfiCYzEXAMPLEKEY",
    }

    assert secret_values(environ, {}) == (
        "/wJalrXUtnFEMI7K7MDENG/bPxRfiCYzEXAMPLEKEY",
        "key-from-environment",
        "12345678",
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PROJECT_NAME", "my-project"), ("db_path", "elsewhere.db"), ("DATASET_ID", "my-dataset"),
        ("WANDB_PROJECT", "my-project"), ("WANDB_ENTITY", "my-team"), ("WANDB_MODE", "offline"),
        ("LAB_SERVER_URL", "http://127.0.0.1:8000"), ("CORS_ORIGINS", "http://localhost:3000,http://localhost:3001"),
        ("SHORT", "abcde"), ("PORT", "8000000"), ("RATE", "0.000001"), ("RATE", "1e-100"),
        ("FLAG", "true"), ("FLAG", "False"), ("ENV", "production"), ("STAGE", "pre-release"),
        ("DATA", "/data/sets"), ("DATA", "./data-sets"), ("DATA", "../data-sets"), ("DATA", "~/data-sets"),
        ("DATA", "C:\\data\\sets"), ("DATA", "data/sets/iris.csv"), ("SITE", "https://example.org/a?b=c"),
        ("OPENAI_API_KEY", "<Insert_key_here>"), ("OPENAI_API_KEY", "<Insert_key_here> ## Agent LLM"),
        ("OPENAI_API_KEY", "YOUR_KEY_HERE"), ("OPENAI_API_KEY", "your-api-key"), ("OPENAI_API_KEY", "changeme"),
        ("OPENAI_API_KEY", "xxxxxxxxxx"), ("OPENAI_API_KEY", ""),
    ],
)  # fmt: skip
def test_what_is_plainly_public_in_a_dotenv_is_not_secret(name: str, value: str) -> None:
    assert secret_values({}, {name: value}) == ()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("API_TOKEN", "abcdef", ("abcdef",)),
        ("LAB_API_TOKEN", "123456", ("123456",)),
        ("WANDB_API_KEY", "0123456789abcdef", ("0123456789abcdef",)),
        ("INNOCENT", "correct horse battery", ("correct horse battery",)),
        ("INNOCENT", "wJalrXUtnFEMI/K7MDENG/bPxRfiCY9EXAMPLEKEY", ("wJalrXUtnFEMI/K7MDENG/bPxRfiCY9EXAMPLEKEY",)),
        ("DATABASE_URL", "postgres://ada:s3cret-word@db/x", ("s3cret-word",)),
        ("DATABASE_URL", "postgres://ada:s3%40cret@db/x", ("s3%40cret", "s3@cret")),
        ("LAB_SERVER_URL", "http://ada:s3cret-word@host", ("s3cret-word",)),
        ("HOOK", "https://example.org/a?user=ada&api_key=abcdefgh", ("abcdefgh",)),
    ],
)
def test_what_else_a_dotenv_holds_is_secret(name: str, value: str, expected: tuple[str, ...]) -> None:
    assert secret_values({}, {name: value}) == expected


def test_values_come_longest_first_and_once() -> None:
    environ = {"A_TOKEN": "abcdef", "B_TOKEN": "abcdefgh"}

    assert secret_values(environ, {"C": "abcdef", "D": "abcdef7"}) == ("abcdefgh", "abcdef7", "abcdef")
