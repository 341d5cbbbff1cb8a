"""What an instance of Offhook is configured with, and how a role receives it.

`Options` is what the operator asked for (flags, then `OFFHOOK_…` variables, then defaults). The supervisor
binds the public sockets, starts the stores and turns the options into `Settings`, which every role gets as
JSON in the environment together with the inherited sockets. Nothing else in the program reads the
environment.
"""

import ipaddress
import json
import os
import re
import socket
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import msgspec

from offhook import smsc
from offhook.smsc import SmscSettings

SETTINGS_VARIABLE = "OFFHOOK_SETTINGS"
READY_VARIABLE = "OFFHOOK_READY_FD"
LIFELINE_VARIABLE = "OFFHOOK_LIFELINE_FD"

SEED_NUMBERS = ("+15105550100", "+15105550101")
"""The numbers a new account owns: 555-0100 to 555-0199 are kept for fiction in every American area code."""

RTP_PORTS = (16384, 32767)
"""The UDP ports for audio: below those that Linux gives to programs which ask for any."""


_KEEP_UNITS = {"d": 1, "mb": 10**6, "gb": 10**9}
_KEEP = re.compile(r"([0-9]{1,6})\s*(d|mb|gb)")
_SPACE_BEFORE_URI = re.compile(r"\s+(?=sip:)", re.IGNORECASE)

_FOREIGN_VARIABLES = (
    *(SETTINGS_VARIABLE, READY_VARIABLE, LIFELINE_VARIABLE),
    "OFFHOOK_API_URL",
    "OFFHOOK_TEST_LOG",
)
"""Variables that are read elsewhere: by roles, by programs that use the platform, by the pytest plugin."""

_LIST_VARIABLES = ("OFFHOOK_ALLOW_NET", "OFFHOOK_SMSC", "OFFHOOK_TRUNK")
"""Variables whose flags may be given more than once."""


class ConfigurationError(Exception):
    """A setting that cannot be used; one line for the operator, seen with exit status 2."""


class Address(msgspec.Struct, frozen=True):
    """A host and port to listen on or to reach. Port 0 means any free port (listening only)."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class TrunkSource(msgspec.Struct, frozen=True):
    """From where a trunk may call in: a host name, an address or a network; port 0 stands for any port."""

    host: str
    port: int = 0


class TrunkSettings(msgspec.Struct, frozen=True):
    """A SIP peer that gets calls to numbers the platform does not own. `transport` is "udp" or "tcp".

    `username` and `password` answer it when it challenges; empty for a peer that knows us by our address. Of
    several trunks the lowest `priority` is called first. `sources` is what it may call in from besides its own
    host.
    """

    host: str
    port: int
    transport: str = "udp"
    username: str = ""
    password: str = ""
    name: str = ""
    priority: int = 0
    sources: tuple[TrunkSource, ...] = ()

    @property
    def label(self) -> str:
        """What messages to the operator call it."""
        return self.name or str(Address(self.host, self.port))


class Keep(msgspec.Struct, frozen=True):
    """How long something is kept, and how much of it; None for no limit."""

    days: int | None = None
    octets: int | None = None


class Retention(msgspec.Struct, frozen=True):
    """What the janitor keeps of what grows with every call and text. `cache` is downloaded and spoken audio."""

    timelines: Keep = Keep(30, 2 * 10**9)
    notifications: Keep = Keep(30, 200 * 10**6)
    recordings: Keep = Keep(365, 20 * 10**9)
    cache: Keep = Keep(30, 2 * 10**9)


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator asked for, parsed and checked but not yet bound to sockets.

    `sandbox` is None when no address was asked for: 127.0.0.1:8081 then, or any free port if that is taken.
    `expose_sandbox` says that an address which other machines can reach is meant. `resettable` lets tests empty the
    account (`api.offhook_v1.reset`).
    """

    data_dir: Path
    http: Address = Address("127.0.0.1", 8080)
    sip: Address = Address("127.0.0.1", 5060)
    smpp: Address = Address("127.0.0.1", 2775)
    sandbox: Address | None = None
    expose_sandbox: bool = False
    trunks: tuple[TrunkSettings, ...] = ()
    public_address: str | None = None
    smscs: tuple[SmscSettings, ...] = ()
    allow_nets: tuple[str, ...] = ()
    public_url: str | None = None
    database_url: str | None = None
    nats_url: str | None = None
    retention: Retention = Retention()
    rtp_ports: tuple[int, int] = RTP_PORTS
    media_workers: int | None = None
    log_level: str = "info"
    log_format: str = "text"
    node: str = "node-1"
    node_address: str | None = None
    resettable: bool = False


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a role needs to know, decided once by the supervisor.

    `sockets` maps the names of the inherited listening sockets (`http`, `sip_udp`, `sip_tcp`, `smpp`,
    `sandbox_http`, `sandbox_sip_udp`) to their file descriptors. `trunks` are in the order to be called.
    `public_address` is the IP address that SIP and RTP peers are given instead of the local one. `sandbox_smsc`
    holds what the sandbox's SMSC accepts binds with, whether or not one of `smscs` is it. `media_worker` is which of
    the node's `media_workers` a media role is, from 0; its `rtp_ports` are its own. `node_address` is where audio of
    other nodes comes to, for calls that meet across nodes.
    """

    data_dir: str
    run_dir: str
    database_url: str
    nats_url: str
    http_host: str
    http_port: int
    public_url: str
    sip_host: str
    sip_port: int
    sandbox_url: str
    sandbox_sip: str
    sandbox_smsc: SmscSettings
    trunks: tuple[TrunkSettings, ...]
    smscs: tuple[SmscSettings, ...]
    allow_nets: tuple[str, ...] = ()
    loopback_only: bool = True
    public_address: str | None = None
    retention: Retention = Retention()
    rtp_ports: tuple[int, int] = RTP_PORTS
    media_workers: int = 1
    media_worker: int = 0
    sockets: dict[str, int] = {}
    log_level: str = "info"
    log_format: str = "text"
    node: str = "node-1"
    node_address: str = "127.0.0.1"
    resettable: bool = False
    account_sid: str
    sip_username: str
    sip_password: str


def settings_from_environment(environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings a supervisor passed to this process; raise ConfigurationError outside of one."""
    text = (os.environ if environ is None else environ).get(SETTINGS_VARIABLE)
    if text is None:
        raise ConfigurationError(f"a role is started by `offhook up`: {SETTINGS_VARIABLE} is not set")
    try:
        return msgspec.json.decode(text, type=Settings)
    except msgspec.DecodeError as error:
        raise ConfigurationError(f"{SETTINGS_VARIABLE} cannot be read: {error}") from error


def inherited_socket(settings: Settings, name: str) -> socket.socket | None:
    """Return the listening socket bound under `name`, made non-blocking; None when there is none."""
    fd = settings.sockets.get(name)
    if fd is None:
        return None
    inherited = socket.socket(fileno=os.dup(fd))
    inherited.setblocking(False)
    return inherited


def announce_ready(settings: Settings, details: Mapping[str, object] | None = None) -> None:
    """Tell the supervisor, once, that this role accepts traffic. Does nothing when no supervisor listens."""
    fd = os.environ.pop(READY_VARIABLE, None)
    if fd is None:
        return
    line = json.dumps({"node": settings.node, **(details or {})}) + "\n"
    try:
        os.write(int(fd), line.encode())
        os.close(int(fd))
    except BrokenPipeError:
        return


def default_data_dir(environ: Mapping[str, str]) -> Path:
    """Return where an instance keeps its data unless told otherwise: below the user's XDG data home."""
    home = environ.get("XDG_DATA_HOME") or str(Path("~/.local/share").expanduser())
    return Path(home) / "offhook"


def read_options(flags: Mapping[str, object], environ: Mapping[str, str]) -> Options:
    """Merge flags over `OFFHOOK_…` variables over defaults.

    `flags` has the keys data, http, sip, smpp, sandbox, expose_sandbox, trunk, public_address, smsc, allow_net,
    public_url, rtp_ports, log_level, log_format; a value of None (or an empty sequence) counts as not given;
    trunk, smsc and allow_net are sequences.

    Raises:
        ConfigurationError: one line that names the flag and what is wrong with its value.
    """
    known = {*_FOREIGN_VARIABLES, *_LIST_VARIABLES}

    def given(name: str) -> str | None:
        variable = f"OFFHOOK_{name.upper()}"
        known.add(variable)
        flag = flags.get(name)
        return str(flag) if flag else environ.get(variable) or None

    asked = flags.get("allow_net")
    nets: Iterable[object] = (
        asked if isinstance(asked, list | tuple) and asked else [given("allow_net") or ""]
    )
    values: dict[str, object] = {
        "data_dir": Path(given("data") or default_data_dir(environ)).expanduser().absolute(),
        "allow_nets": parse_networks(nets),
    }
    for name in ("http", "sip", "smpp", "sandbox"):
        if text := given(name):
            values[name] = parse_address(text, f"--{name}")
    if text := given("expose_sandbox"):
        values["expose_sandbox"] = _yes_or_no(text, "OFFHOOK_EXPOSE_SANDBOX")
    if text := given("resettable"):
        values["resettable"] = _yes_or_no(text, "OFFHOOK_RESETTABLE")
    trunks = flags.get("trunk")
    if isinstance(trunks, list | tuple) and trunks:
        values["trunks"] = parse_trunks(str(item) for item in trunks)
    elif text := given("trunk"):
        values["trunks"] = parse_trunks(_SPACE_BEFORE_URI.split(text.strip()))
    if text := given("public_address"):
        values["public_address"] = parse_public_address(text)
    values["smscs"] = parse_smscs(flags.get("smsc"), environ.get("OFFHOOK_SMSC"))
    if text := given("public_url"):
        values["public_url"] = _checked_url(text, "--public-url", ("http", "https")).rstrip("/")
    if text := given("database_url"):
        values["database_url"] = _checked_url(text, "OFFHOOK_DATABASE_URL", ("postgresql", "postgres"))
    if text := given("nats_url"):
        values["nats_url"] = _checked_url(text, "OFFHOOK_NATS_URL", ("nats", "tls"))
    if text := given("rtp_ports"):
        values["rtp_ports"] = parse_port_range(text)
    kept = {kind: text for kind in Retention.__struct_fields__ if (text := given(f"keep_{kind}"))}
    if kept:
        limits = {kind: parse_keep(text, f"OFFHOOK_KEEP_{kind.upper()}") for kind, text in kept.items()}
        values["retention"] = Retention(**limits)
    if text := given("media_workers"):
        values["media_workers"] = _whole_number(text, "OFFHOOK_MEDIA_WORKERS", 1, 64)
    for name, shown, choices in (
        ("log_level", "--log-level", ("debug", "info", "warning", "error")),
        ("log_format", "OFFHOOK_LOG_FORMAT", ("text", "json")),
    ):
        if text := given(name):
            values[name] = _one_of(text.lower(), shown, choices)
    if text := given("node"):
        values["node"] = _node_name(text)
    if text := given("node_address"):
        values["node_address"] = parse_public_address(text, "OFFHOOK_NODE_ADDRESS")
    _check_names(environ, known)
    return msgspec.convert(values, type=Options)


def _check_names(environ: Mapping[str, str], known: Collection[str]) -> None:
    """Refuse a variable that means nothing to us: whoever mistyped it would get a default instead."""
    words = [name.removeprefix("OFFHOOK_") for name in known]
    for name in sorted(environ):
        if name.startswith("OFFHOOK_") and name not in known:
            alike = get_close_matches(name.removeprefix("OFFHOOK_"), words, 1)
            hint = f": did you mean OFFHOOK_{alike[0]}?" if alike else ""
            raise ConfigurationError(f"{name} is not a setting{hint}")


def parse_address(text: str, what: str) -> Address:
    """Read `HOST:PORT`, `:PORT` (loopback) or `[IPV6]:PORT`; port 0 means any free one."""
    host, colon, port = text.strip().rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ConfigurationError(f"{what} {text!r}: expected HOST:PORT, for example 127.0.0.1:8080")
    return Address(host or "127.0.0.1", int(port))


def parse_networks(values: Iterable[object]) -> tuple[str, ...]:
    """Read CIDR networks, each value one or several separated by commas; host bits must be zero."""
    texts = [part.strip() for value in values for part in str(value).split(",") if part.strip()]
    try:
        return tuple(str(ipaddress.ip_network(text)) for text in texts)
    except ValueError as error:
        raise ConfigurationError(f"--allow-net: {error}; expected a network such as 10.0.0.0/8") from None


def parse_trunks(texts: Iterable[str]) -> tuple[TrunkSettings, ...]:
    """Read trunks, and put them into the order in which they are called; no two may share a name."""
    trunks = sorted(map(parse_trunk, texts), key=lambda trunk: trunk.priority)
    labels = [trunk.label for trunk in trunks]
    for label in labels:
        if labels.count(label) > 1:
            raise ConfigurationError(f"--trunk: two trunks are called {label}; give each its ;name=")
    return tuple(trunks)


def parse_trunk(text: str) -> TrunkSettings:
    """Read `sip:[USER:PASSWORD@]HOST[:PORT]` and its parameters, undoing escapes of user and password.

    Parameters are transport=udp|tcp, name=NAME, priority=NUMBER and from=SOURCE, which may be repeated.
    """
    wrong = ConfigurationError(
        "--trunk: expected sip:HOST:PORT;transport=udp, or sip:USER:PASSWORD@HOST:PORT; "
        "parameters are transport, name, priority and from"
    )
    scheme, _, rest = text.strip().partition(":")
    userinfo, at, rest = rest.rpartition("@")
    target, *parameters = rest.split(";")
    username, _, password = (unquote(part) for part in userinfo.partition(":"))
    if scheme.lower() != "sip" or not target or (at and not (username and password)):
        raise wrong
    if not (username + password).isprintable():
        raise wrong
    given: dict[str, list[str]] = {}
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        given.setdefault(name.strip().lower(), []).append(value.strip())
    if not given.keys() <= {"transport", "name", "priority", "from"} or any(
        len(values) > 1 for name, values in given.items() if name != "from"
    ):
        raise wrong
    has_port = ":" in target.rpartition("]")[2]
    address = parse_address(target if has_port else f"{target}:5060", "--trunk")
    _check_reachable(address, "--trunk")
    return TrunkSettings(
        address.host,
        address.port,
        _one_of(given.get("transport", ["udp"])[0].lower(), "--trunk transport", ("udp", "tcp")),
        username,
        password,
        _trunk_name(given.get("name", [""])[0]),
        _whole_number(given.get("priority", ["0"])[0], "--trunk priority", 0, 65535),
        tuple(parse_trunk_source(part) for value in given.get("from", ()) for part in value.split(",")),
    )


def parse_trunk_source(text: str) -> TrunkSource:
    """Read a network, an address or a host name; an address or a name may have a port."""
    text = text.strip()
    with suppress(ValueError):
        return TrunkSource(str(ipaddress.ip_network(text)))
    host, port = text, 0
    if text.startswith("[") or text.count(":") == 1:
        bracketed = text.startswith("[") and text.endswith("]")
        address = parse_address(f"{text}:0" if bracketed else text, "--trunk from")
        host, port = address.host, address.port
    if not host or not host.isprintable() or set(host) & set(" /@"):
        raise ConfigurationError(
            f"--trunk from={text!r}: expected a network such as 192.0.2.0/24, or HOST[:PORT]"
        )
    return TrunkSource(host, port)


def _trunk_name(text: str) -> str:
    if text and (
        not text.isascii() or not text.replace("-", "").replace("_", "").isalnum() or len(text) > 64
    ):
        raise ConfigurationError(f"--trunk name={text!r}: letters, digits, - and _ only, at most 64")
    return text


def parse_public_address(text: str, what: str = "--public-address") -> str:
    """Read the IP address under which peers outside reach SIP and RTP of this machine."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]"))
    except ValueError:
        raise ConfigurationError(
            f"{what} {text!r}: expected an IP address, for example 203.0.113.7"
        ) from None
    if address.is_unspecified or address.is_multicast:
        raise ConfigurationError(f"{what} {text!r}: nobody can be reached there")
    return str(address)


def parse_smscs(asked: object, variable: str | None) -> tuple[SmscSettings, ...]:
    """Read the `--smsc` flags or, without any, the SMSCs in `OFFHOOK_SMSC`, which spaces separate."""
    texts = [str(text) for text in asked] if isinstance(asked, list | tuple) else []
    try:
        return smsc.parse_smscs(texts or (variable or "").split())
    except ValueError as error:
        raise ConfigurationError(f"--smsc: {error}") from None


def parse_port_range(text: str) -> tuple[int, int]:
    """Read `LOW-HIGH`, the UDP ports media may use."""
    low, dash, high = text.partition("-")
    what = "OFFHOOK_RTP_PORTS"
    ports = (_whole_number(low, what, 1024, 65535), _whole_number(high if dash else "", what, 1024, 65535))
    if ports[1] - ports[0] < 3:
        raise ConfigurationError(f"{what} {text!r}: the range is too small; expected LOW-HIGH")
    return ports


def parse_keep(text: str, what: str) -> Keep:
    """Read `DAYSd`, `SIZEMB` or `SIZEGB`, or both with a comma between them; `forever` means no limit."""
    wrong = ConfigurationError(
        f"{what} {text!r}: expected days and a size such as 30d,2GB, one of them, or forever"
    )
    limits: dict[str, int] = {}
    if text.strip().lower() == "forever":
        return Keep()
    for part in text.split(","):
        found = _KEEP.fullmatch(part.strip().lower())
        if found is None:
            raise wrong
        number, unit = int(found[1]), found[2]
        name = "days" if unit == "d" else "octets"
        if number == 0 or name in limits:
            raise wrong
        limits[name] = number * _KEEP_UNITS[unit]
    return Keep(**limits)


@lru_cache(maxsize=1024)
def is_loopback(host: str) -> bool:
    """Tell whether `host` (an IP address) can only be reached from this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_reachable(address: Address, what: str) -> None:
    if address.port == 0:
        raise ConfigurationError(f"{what}: port 0 cannot be called; name the peer's port")


def _checked_url(text: str, what: str, schemes: tuple[str, ...]) -> str:
    """Return `text` if it is a URL of one of `schemes` (never repeat it: it may hold a password)."""
    try:
        parts = urlsplit(text)
        reachable = bool(parts.netloc or "host=" in parts.query) and (parts.port or 1) > 0
    except ValueError:
        reachable, parts = False, urlsplit("")
    if not reachable or parts.scheme not in schemes:
        raise ConfigurationError(f"{what} is not a URL that starts with {schemes[0]}://HOST")
    return text


def _whole_number(text: str, what: str, low: int, high: int) -> int:
    text = text.strip()
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise ConfigurationError(f"{what}: expected a whole number from {low} to {high}, not {text!r}")
    return int(text)


def _yes_or_no(text: str, what: str) -> bool:
    return _one_of(text.strip().lower(), what, ("true", "1", "yes", "false", "0", "no")) in (
        "true",
        "1",
        "yes",
    )


def _one_of(text: str, what: str, choices: tuple[str, ...]) -> str:
    if text not in choices:
        raise ConfigurationError(f"{what} {text!r}: expected one of {', '.join(choices)}")
    return text


def _node_name(text: str) -> str:
    """A node's name is one token of a bus subject."""
    if not text.isascii() or not text.replace("-", "").replace("_", "").isalnum() or len(text) > 64:
        raise ConfigurationError(f"OFFHOOK_NODE {text!r}: letters, digits, - and _ only, at most 64")
    return text
