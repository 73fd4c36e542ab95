"""What the listener is given for each connection, and what clients are given to trust.

Two clocks judge one certificate: the scenario's virtual clock and the client's wall clock. `Certificates`
mints again when they would disagree, so that `advance 731d` really expires what is on the port.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from mockhost import clock as clocks
from mockhost.errors import CannotRun, reason_of
from mockhost.files import write
from mockhost.tls import versions
from mockhost.tls.authority import Authority, mint
from mockhost.tls.certificate import Minted
from mockhost.tls.config import TlsConfig

if TYPE_CHECKING:
    from mockhost.temporary import PrivateFolder

_DAY = 86_400.0
_OTHERS = 32
"""How many configurations of single connections are remembered; one more costs the minting of a certificate."""


def server_context(minted: Minted, config: TlsConfig, client_ca: str = "") -> ssl.SSLContext:
    """A context that presents `minted`: no ALPN, and no session of another context resumes in it.

    `client_ca` is the CA, as PEM, that has to have signed a client's certificate where one is asked for. Raises
    UsageError for a version of TLS that there is not or that this OpenSSL can't speak, CannotRun where no
    temporary file can be made.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    versions.limit(context, config.minimum_version, config.maximum_version)
    if config.client_certificate != "none":
        # Clients aren't told which CAs will do, which is schannel's default as well (Microsoft Learn, "Overview of
        # TLS - SSL (Schannel SSP)": SendTrustedIssuerList).
        context.verify_mode = (
            ssl.CERT_REQUIRED if config.client_certificate == "required" else ssl.CERT_OPTIONAL
        )
        context.load_verify_locations(cadata=client_ca)
    minted.load_into(context)
    return context


def trust_bundle(authority: Authority, minted: Iterable[Minted]) -> str:
    """What a client is given to trust, as PEM: each certificate that is its own anchor, then the CA.

    In this order because some tools that install a file into a store read its first certificate only.
    """
    anchors = [*(one.anchor_pem for one in minted if one.anchor_pem), authority.certificate_pem]
    return "".join(dict.fromkeys(anchors))


class _Serving(NamedTuple):
    config: TlsConfig
    minted: Minted | None
    context: ssl.SSLContext | None
    copies: Minted | None = None
    """for a single connection: the host's own certificate, if that is what is presented there as well"""


def _certificate_of(config: TlsConfig) -> tuple[object, ...]:
    """What of a configuration is in the certificate."""
    return config.names, config.valid, config.issuer, config.key, config.usage, config.intermediate


def _phase(not_before: float, not_after: float, now: float) -> int:
    """-1 before, 0 within, 1 after: as OpenSSL judges, to which the last second is already over."""
    return 1 if now >= not_after else -1 if now < not_before else 0


class Certificates:
    """What one running host presents on its port.

    `offer()` is asked for each accepted connection. It gives the same context for as long as a client could
    not tell the difference, so that a client which trusts the self-signed certificate goes on trusting it. A
    new one is minted when the virtual clock makes it expire or become valid, or has run a day further than
    the wall's.
    """

    def __init__(
        self,
        authority: Authority,
        clock: clocks.VirtualClock | None = None,
        extra_names: Sequence[str] = (),
    ) -> None:
        self.authority = authority
        self.clock = clock or clocks.VirtualClock()
        """may be set again before `configure`, when a host restarts with its own clock"""
        self.extra_names = tuple(extra_names)
        self._lock = threading.RLock()
        self._serving: _Serving | None = None
        self._others: dict[TlsConfig, _Serving] = {}
        self._client: tuple[str, str] | None = None
        self._bundle: Path | None = None
        self._private_folder: PrivateFolder | None = None

    def fork(self) -> Certificates:
        """The same, for another host: with the same CA and certificate, a bundle of its own, and no folder."""
        twin = Certificates(self.authority.fork(), self.clock, extra_names=self.extra_names)
        with self._lock:
            twin._serving, twin._others, twin._client = self._serving, dict(self._others), self._client
        return twin

    def configure(self, config: TlsConfig) -> None:
        """Present what `config` says, its dates counted from the virtual now.

        Configured again as it was (a reset), a certificate stays if its dates are right to a day. Raises
        UsageError for a name, key or version that can't be; then everything stays as it was.
        """
        with self._lock:
            was = self._serving
            self._others.clear()
            if was and was.minted and was.config == config:
                now = self.clock.now()
                same = was.minted._replace(not_before=now + config.valid[0], not_after=now + config.valid[1])
                if abs(self._ahead(same)) <= _DAY and not self._disputed(same):
                    self._serving = was._replace(minted=same)
                    return
            self._present(config, None)

    def _present(self, config: TlsConfig, validity: tuple[float, float] | None) -> None:
        was = self._serving
        if config.mode != "certificate":
            self._serving = _Serving(config, None, None)
        else:
            minted = mint(
                config,
                authority=self.authority,
                virtual_now=self.clock.now(),
                wall_now=clocks.wall_now(),
                validity=validity,
                extra_names=self.extra_names,
            )
            # One that was kept in the authority's folder may come back as it is; so do its sessions then.
            kept = was and was.config == config and was.minted and was.minted.chain_pem == minted.chain_pem
            context = was.context if was and kept else None
            self._serving = _Serving(config, minted, context or self._context(minted, config))
        if self._bundle:
            self._write_bundle(self._bundle)

    def _context(self, minted: Minted, config: TlsConfig) -> ssl.SSLContext:
        asks = config.client_certificate != "none"
        return server_context(minted, config, self.authority.certificate_pem if asks else "")

    def _ahead(self, minted: Minted) -> float:
        """By how many seconds the certificate has more life left on the wall than on the virtual clock."""
        left_on_the_wall = minted.wall_not_after - clocks.wall_now()
        return left_on_the_wall - (minted.not_after - self.clock.now())

    def _disputed(self, minted: Minted) -> bool:
        """Whether the clocks disagree about the certificate's being valid."""
        virtual = _phase(minted.not_before, minted.not_after, self.clock.now())
        return virtual != _phase(minted.wall_not_before, minted.wall_not_after, clocks.wall_now())

    def _aged(self, minted: Minted) -> bool:
        """Whether the clocks ask for another certificate in its place."""
        return self._disputed(minted) or self._ahead(minted) > _DAY

    def refresh(self) -> bool:
        """Mint again if the clocks ask for it; whether that happened. Otherwise it only compares numbers."""
        serving = self._serving
        if serving is None or serving.minted is None or not self._aged(serving.minted):
            return False
        with self._lock:
            if self._serving is serving:
                self._present(serving.config, (serving.minted.not_before, serving.minted.not_after))
        return True

    @property
    def plain_http(self) -> bool:
        """Whether the port speaks HTTP without TLS."""
        return self._serving is not None and self._serving.config.mode == "plain_http"

    def offer(self) -> tuple[str, ssl.SSLContext | None]:
        """What the next connection gets: the mode, and the context where the mode is `certificate`."""
        self.refresh()
        serving = self._serving
        return (serving.config.mode, serving.context) if serving else ("none", None)

    def offer_for(self, config: TlsConfig) -> tuple[str, ssl.SSLContext | None]:
        """What a single connection gets that is met with `config`, laid over the host's own configuration.

        It never is the context that the others get, so a session of one can't be resumed in the other. Where only
        versions or the wish for a client's certificate differ, the certificate is the host's own.

        Otherwise it is another one, which clients who read their bundle before can't have found there. So where
        the host's is self-signed, this one is signed by the CA, which is in every bundle: an expired certificate
        is then refused as expired, one with a wrong name for its name, and one that is right is trusted. Only
        `issuer: untrusted` is not trusted. Its dates count from the moment at which it was first offered, unless
        they are the host's; it ages as `refresh` says, and is dropped when the host is configured again. Raises
        as `configure` does.
        """
        self.refresh()
        own = self._serving.config if self._serving else TlsConfig()
        config = config.laid_over(own)
        if config.mode != "certificate":
            return config.mode, None
        known = self._others.get(config)
        if known is None or self._outdated(known):
            known = self._other(config)
        return config.mode, known.context

    def _outdated(self, other: _Serving) -> bool:
        if other.copies is not None:
            return self._serving is None or self._serving.minted is not other.copies
        return other.minted is None or self._aged(other.minted)

    def _other(self, config: TlsConfig) -> _Serving:
        with self._lock:
            known = self._others.pop(config, None)
            if known is not None and not self._outdated(known):
                self._others[config] = known
                return known
            own = self._serving if self._serving and self._serving.minted else None
            if own and own.minted and _certificate_of(own.config) == _certificate_of(config):
                made = _Serving(config, own.minted, self._context(own.minted, config), own.minted)
            else:
                validity = None
                if known and known.minted and known.copies is None:
                    validity = known.minted.not_before, known.minted.not_after
                elif own and own.minted and config.valid == own.config.valid:
                    validity = own.minted.not_before, own.minted.not_after
                minted = mint(
                    config._replace(issuer="ca") if config.issuer == "self" else config,
                    authority=self.authority,
                    virtual_now=self.clock.now(),
                    wall_now=clocks.wall_now(),
                    validity=validity,
                    extra_names=self.extra_names,
                )
                made = _Serving(config, minted, self._context(minted, config))
            while len(self._others) >= _OTHERS:
                del self._others[next(iter(self._others))]
            self._others[config] = made
            return made

    def client_certificate(self) -> tuple[str, str]:
        """A certificate that hosts which ask for one take, and its key, as PEM; the same until the process ends."""
        with self._lock:
            if self._client is None:
                self._client = self.authority.client_certificate()
            return self._client

    @property
    def minted(self) -> Minted | None:
        """The certificate on the port, or None where there is none."""
        self.refresh()
        return self._serving.minted if self._serving else None

    @property
    def bundle_file(self) -> Path:
        """A PEM file with what clients are to trust, kept current until `close()`. Raises CannotRun."""
        with self._lock:
            self.refresh()
            if self._bundle is None:
                path = self._bundle_folder() / "trust.pem"
                self._write_bundle(path)
                self._bundle = path
            return self._bundle

    def _bundle_folder(self) -> Path:
        if self.authority.state_dir:
            return self.authority.state_dir
        from mockhost.temporary import PrivateFolder

        try:
            self._private_folder = PrivateFolder()
        except OSError as problem:
            why = f"no folder for the trust bundle can be made: {reason_of(problem)}"
            raise CannotRun(why, hint="look at TMPDIR, or give --state") from problem
        return self._private_folder.path

    def _write_bundle(self, path: Path) -> None:
        minted = self._serving.minted if self._serving else None
        write(path, trust_bundle(self.authority, [minted] if minted else []), mode=0o644)

    def describe(self) -> dict[str, object]:
        """The certificate as a status shows it; dates are virtual, `thumbprint` is SHA-1 in hex."""
        minted, serving = self.minted, self._serving
        if serving is None or minted is None:
            return {"mode": serving.config.mode if serving else "none"}
        phase = _phase(minted.not_before, minted.not_after, self.clock.now())
        return {
            "mode": serving.config.mode,
            "names": list(minted.names),
            "issuer": serving.config.issuer,
            "key": serving.config.key,
            "usage": serving.config.usage,
            "not_before": clocks.iso(minted.not_before),
            "not_after": clocks.iso(minted.not_after),
            "state": ("not yet valid", "valid", "expired")[phase + 1],
            "thumbprint": minted.thumbprint,
            "versions": [serving.config.minimum_version, serving.config.maximum_version],
            "client_certificate": serving.config.client_certificate,
        }

    def close(self) -> None:
        """Remove the bundle unless it lies in the authority's folder. May be called twice."""
        with self._lock:
            if self._private_folder:
                self._private_folder.remove()
            self._private_folder = self._bundle = None
