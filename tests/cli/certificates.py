"""A throwaway authority for TLS, and what it signs. Made by openssl(1)."""

import subprocess
from functools import cached_property


class Authority:
    def __init__(self, folder, name="authority"):
        self.folder = folder
        self.cert, self.key = folder / f"{name}.pem", folder / f"{name}.key"
        self._openssl(
            "req", "-x509", *self._new_key(self.key), "-subj", f"/CN={name}", "-days", "2",
            "-addext", "keyUsage=critical,keyCertSign", "-out", self.cert,
        )  # fmt: skip

    def sign(self, name, alternatives, days="2"):
        """The files of a certificate and its key."""
        cert, key, request, extensions = (self.folder / f"{name}.{end}" for end in ("pem", "key", "csr", "ext"))
        extensions.write_text(f"subjectAltName={alternatives}\n")
        self._openssl("req", "-new", *self._new_key(key), "-subj", f"/CN={name}", "-out", request)
        self._openssl(
            "x509", "-req", "-in", request, "-CA", self.cert, "-CAkey", self.key, "-days", days,
            "-extfile", extensions, "-out", cert,
        )  # fmt: skip
        return cert, key

    @cached_property
    def server(self):
        return self.sign("server", "DNS:localhost,IP:127.0.0.1")

    def options(self, cert, key, **more):
        """Those of a redis-server with this certificate."""
        return {"tls_cert_file": cert, "tls_key_file": key, "tls_ca_cert_file": self.cert, "tls_auth_clients": "no", **more}

    @staticmethod
    def _new_key(file):
        return "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", file

    @staticmethod
    def _openssl(*arguments):
        done = subprocess.run(["openssl", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
