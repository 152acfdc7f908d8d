"""What testssl.sh has to say of how TLS is spoken."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from support.tls import Authority, site_keys, tls_config

HARMLESS = ("OK", "INFO", "LOW", "WARN")  # it warns of what its own openssl cannot do
# What a certificate of an authority of our own has to lack.
JUSTIFIED = {"cert_revocation"}
CHECKS = ["--protocols", "--std", "--fs", "--server-preference", "--server-defaults", "--renegotiation",
          "--compression", "--poodle", "--tls-fallback", "--sweet32", "--beast", "--lucky13"]


@pytest.mark.skipif(shutil.which("testssl") is None, reason="testssl.sh is not installed")
@pytest.mark.plain(only="sanitizers change nothing of what is spoken, and it takes long")
@pytest.mark.time_limit(600)
def test_nothing_above_low_is_found(start, site, tmp_path, authority: Authority):
    pairs = [authority.sign(f"long-{kind}", "localhost", kind=kind, days=80) for kind in ("EC", "RSA")]
    server = start(config=tls_config(site.root, site_keys(*pairs)))
    report = tmp_path / "report.json"
    done = subprocess.run(
        ["testssl", "--quiet", "--color", "0", "--fast", "--warnings", "off", "--ip", "127.0.0.1",
         "--add-ca", authority.certificate, "--jsonfile", report, *CHECKS,
         f"https://localhost:{server.ports()[0]}/"], capture_output=True, text=True, timeout=500)
    found = json.loads(report.read_text())
    said = {each["id"]: each["severity"] for each in found}
    assert said["TLS1_3"] == said["TLS1_2"] == said["secure_renego"] == "OK", done.stdout
    assert [each for each in found
            if each["severity"] not in HARMLESS and each["id"].split()[0] not in JUSTIFIED] == [], done.stdout
