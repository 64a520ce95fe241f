import pytest

from tasks.store.redact import redact


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:pass@host/a b", "https://***@host/a b"),
        ("s3://bucket/x@y.png", "s3://bucket/x@y.png"),
        ("https://h/x?X-Amz-Credential=AB%2F1&X-Amz-Signature=dead&v=1", "https://h/x?X-Amz-Credential=***&X-Amz-Signature=***&v=1"),
        ("https://h/x?sig=a%3D&sv=2", "https://h/x?sig=***&sv=2"),
        ("an ordinary sentence", "an ordinary sentence"),
    ],
)  # fmt: skip
def test_redact(text: str, expected: str) -> None:
    assert redact(text) == expected


def test_values_of_credential_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    assert redact("key wJalrXUtnFEMI of x") == "key *** of x"
