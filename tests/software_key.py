"""A security key in software: makes a credential and signs challenges as a browser and its key would (WebAuthn)."""

import hashlib
import json
import secrets
import struct
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import websafe_encode

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


class SoftwareKey:
    """One key with one credential for one portal. `counter` is what it says next."""

    def __init__(self, rp: str = "testserver", origin: str = "https://testserver") -> None:
        self.rp, self.origin, self.counter = rp, origin, 1
        self.id = secrets.token_bytes(32)
        self._private = ec.generate_private_key(ec.SECP256R1())

    def made(self, options: dict[str, Any]) -> str:
        """The answer to a registration."""
        public = cbor.encode(dict(ES256.from_cryptography_key(self._private.public_key())))
        credential = bytes(16) + struct.pack(">H", len(self.id)) + self.id + public
        attested = {"fmt": "none", "attStmt": {}, "authData": self._data(ATTESTED) + credential}
        client = self._client("webauthn.create", options["challenge"])
        return self._answer(clientDataJSON=client, attestationObject=cbor.encode(attested))

    def used(self, options: dict[str, Any]) -> str:
        """The answer to a challenge."""
        client, data = self._client("webauthn.get", options["challenge"]), self._data(0)
        signed = self._private.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(hashes.SHA256()))
        return self._answer(clientDataJSON=client, authenticatorData=data, signature=signed)

    def _data(self, more: int) -> bytes:
        counter, self.counter = self.counter, self.counter + 1
        return (
            hashlib.sha256(self.rp.encode()).digest() + bytes([PRESENT | VERIFIED | more]) + struct.pack(">I", counter)
        )

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin}).encode()

    def _answer(self, **response: bytes) -> str:
        own = websafe_encode(self.id)
        parts = {name: websafe_encode(value) for name, value in response.items()}
        return json.dumps(
            {"id": own, "rawId": own, "type": "public-key", "response": parts, "clientExtensionResults": {}}
        )
