"""One running instance: everything `offhook up` starts, in order, and ends, in reverse order.

Start: data directory, orphans of an earlier run gone, public sockets, PostgreSQL and NATS, schema and media
side by side, then the roles that need them. End: the same backwards, and by force whatever is left, so that all is
over within ten seconds.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec

from offhook.config import SEED_NUMBERS, ConfigurationError, Options, Settings, TrunkSettings
from offhook.smsc import SmscSettings
from offhook.supervisor import process
from offhook.supervisor.datadir import DataDirectory, InstanceFacts, Secrets
from offhook.supervisor.media_workers import count_of, split_ports
from offhook.supervisor.nats import Nats, check_usable
from offhook.supervisor.postgres import Postgres
from offhook.supervisor.process import StartError
from offhook.supervisor.roles import Role, RoleMissingError
from offhook.supervisor.sockets import PublicSockets, bind_public
from offhook.supervisor.watch import Service, collect, keep_running, report

_OTHER_ROLES = ("voice", "messaging", "api", "sandbox")
_STOP_ORDER = (("api", "voice", "messaging"), ("prepare", "sandbox", "media", "streams"))
_STRAGGLER_SECONDS = 1.0


async def run(options: Options, on_ready: Callable[[InstanceFacts, Secrets], None]) -> None:
    """Run an instance until SIGTERM, SIGINT or SIGHUP; call `on_ready` when all of it accepts traffic.

    Raises:
        ConfigurationError: it cannot run as configured; one line for the operator.
        StartError: a part did not come up; likewise.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(signum, stop.set)
    instance = Instance(options, DataDirectory(options.data_dir))
    loop.add_signal_handler(signal.SIGCHLD, instance.reap_orphans)
    start = asyncio.create_task(instance.start())
    stopped = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([start, stopped], return_when=asyncio.FIRST_COMPLETED)
        if start.done():
            on_ready(start.result(), instance.secrets)
            await stopped
    finally:
        start.cancel()
        with contextlib.suppress(asyncio.CancelledError, ConfigurationError, StartError):
            await start
        await instance.stop()


class Instance:
    """The parts of one instance and the tasks that keep them running."""

    def __init__(self, options: Options, directory: DataDirectory) -> None:
        self._options = options
        self._directory = directory
        self.secrets = directory.secrets()
        self._public = PublicSockets()
        self._stores: list[Service] = []
        self._roles: list[Role] = []
        self._keepers: list[asyncio.Task[None]] = []
        self._lifeline: tuple[int, int] = os.pipe()

    async def start(self) -> InstanceFacts:
        """Start everything and return the facts once all of it accepts traffic."""
        process.adopt_orphans()
        await self._directory.orphans_ended()
        self._directory.withdraw()
        self._public = bind_public(self._options)
        run_dir = self._directory.make_run_dir()
        database_url, nats_url = await self._start_stores(run_dir)
        settings = self._settings(run_dir, database_url, nats_url)
        prepare = self._role("prepare", settings)
        first = [*self._media(settings), self._role("streams", settings)]
        if self._options.database_url:
            # The operator's database may not be there: that is found before anything else is started.
            await self._start_all([prepare])
            self._check_prepared(prepare)
            await self._start_all(first)
        else:
            await self._start_all([prepare, *first])
            self._check_prepared(prepare)
        await self._start_all([self._role(name, settings) for name in _OTHER_ROLES])
        facts = self._facts(settings)
        self._directory.publish(facts)
        return facts

    async def stop(self) -> None:
        """End everything that was started and give the data directory free.

        Three steps, each of which waits 3 s at most for what does not end by itself.
        """
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for names in _STOP_ORDER:
            await asyncio.gather(*(role.stop() for role in self._roles if role.kind in names))
        await asyncio.gather(*(store.stop() for store in self._stores))
        await self._end_stragglers()
        self._directory.withdraw()
        self._directory.remove_run_dir()
        self._public.close()
        for fd in self._lifeline:
            os.close(fd)
        self._directory.close()

    def reap_orphans(self) -> None:
        """Collect descendants that ended after their own parents."""
        services: list[Service] = [*self._stores, *self._roles]
        process.reap_orphans([service.child.pid for service in services if service.child is not None])

    async def _end_stragglers(self) -> None:
        """Kill whatever descends from this process still, wherever it has moved its process group."""
        deadline = asyncio.get_running_loop().time() + _STRAGGLER_SECONDS
        while left := process.descendants(os.getpid()):
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.reap_orphans([])
            if asyncio.get_running_loop().time() > deadline:
                report(f"these processes do not end: {', '.join(map(str, left))}")
                return
            await asyncio.sleep(0.01)

    async def _start_stores(self, run_dir: Path) -> tuple[str, str]:
        """Start the embedded PostgreSQL and NATS, unless external ones are given; return both URLs."""
        options, data = self._options, self._directory.path
        inherited = (self._directory.children_lock,)
        database_url, nats_url = options.database_url or "", options.nats_url or ""
        nats = postgres = None
        if not database_url:
            postgres = Postgres(
                data / "postgres", run_dir / "pg", data / "logs" / "postgres.log", pass_fds=inherited
            )
            self._stores.append(postgres)
        if nats_url:
            await check_usable(nats_url)
        else:
            nats = Nats(
                data / "nats",
                run_dir / "run" / "nats.conf",
                data / "logs" / "nats.log",
                token=self.secrets.nats_token,
                port=self.secrets.nats_port,
                pass_fds=inherited,
            )
            self._stores.append(nats)
        await self._start_all(self._stores)
        if nats is not None and nats.port != self.secrets.nats_port:
            self.secrets = msgspec.structs.replace(self.secrets, nats_port=nats.port)
            self._directory.keep_secrets(self.secrets)
        return (
            postgres.url if postgres is not None else database_url,
            nats.url if nats is not None else nats_url,
        )

    async def _start_all(self, services: Iterable[Service]) -> None:
        """Start services side by side and keep them running from then on; the first failure ends it."""
        try:
            async with asyncio.TaskGroup() as group:
                for service in services:
                    group.create_task(self._start_one(service))
        except ExceptionGroup as failures:
            raise failures.exceptions[0] from None

    async def _start_one(self, service: Service) -> None:
        try:
            await service.start()
        except RoleMissingError as missing:
            report(f"{missing}: going on without it")
            return
        keeping = keep_running(service) if service.name != "prepare" else collect(service)
        self._keepers.append(asyncio.create_task(keeping))

    def _media(self, settings: Settings) -> list[Role]:
        """The media workers, each with a part of the ports for audio."""
        return [
            self._role("media", msgspec.structs.replace(settings, rtp_ports=ports, media_worker=worker))
            for worker, ports in enumerate(split_ports(settings.rtp_ports, settings.media_workers))
        ]

    def _role(self, name: str, settings: Settings) -> Role:
        sockets = self._public.of_role(name)
        role = Role(
            name,
            msgspec.structs.replace(settings, sockets=sockets),
            lifeline=self._lifeline[0],
            pass_fds=(self._directory.children_lock,),
        )
        self._roles.append(role)
        return role

    def _check_prepared(self, prepare: Role) -> None:
        """Raise what kept the database from being prepared; it is the operator's to mend."""
        if error := prepare.announcement.get("error"):
            where = "OFFHOOK_DATABASE_URL" if self._options.database_url else f"--data {self._directory.path}"
            raise ConfigurationError(f"{where}: {error}")

    def _settings(self, run_dir: Path, database_url: str, nats_url: str) -> Settings:
        """Turn what was asked for and what was bound into the settings of the roles."""
        options, public, made = self._options, self._public, self.secrets
        http, sip = public.address("http"), public.address("sip_udp")
        sandbox_sip = public.reachable("sandbox_sip_udp")
        smsc = public.reachable("smpp")
        sandbox_smsc = SmscSettings(made.smsc_system_id, made.smsc_password, smsc.host, smsc.port, "sandbox")
        return Settings(
            data_dir=str(options.data_dir),
            run_dir=str(run_dir / "run"),
            database_url=database_url,
            nats_url=nats_url,
            http_host=http.host,
            http_port=http.port,
            public_url=options.public_url or f"http://{public.reachable('http')}",
            sip_host=sip.host,
            sip_port=sip.port,
            sandbox_url=f"http://{public.reachable('sandbox_http')}",
            sandbox_sip=str(sandbox_sip),
            sandbox_smsc=sandbox_smsc,
            trunks=options.trunks or (TrunkSettings(sandbox_sip.host, sandbox_sip.port),),
            public_address=options.public_address,
            smscs=options.smscs or (sandbox_smsc,),
            allow_nets=options.allow_nets,
            loopback_only=public.loopback_only,
            rtp_ports=options.rtp_ports,
            media_workers=count_of(options.media_workers),
            retention=options.retention,
            log_level=options.log_level,
            log_format=options.log_format,
            node=options.node,
            node_address=options.node_address or public.reachable("sip_udp").host,
            resettable=options.resettable,
            account_sid=made.account_sid,
            sip_username=made.sip_username,
            sip_password=made.sip_password,
        )

    def _facts(self, settings: Settings) -> InstanceFacts:
        return InstanceFacts(
            api_url=settings.public_url,
            local_url=f"http://{self._public.reachable('http')}",
            account_sid=settings.account_sid,
            auth_token=self.secrets.auth_token,
            phone_numbers=SEED_NUMBERS,
            sip=str(self._public.address("sip_udp")),
            smpp=str(self._public.address("smpp")),
            sandbox_url=settings.sandbox_url,
            data_dir=settings.data_dir,
            pid=os.getpid(),
        )
