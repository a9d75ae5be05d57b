"""The relays that are compared: how each is started in a folder of its own, as a smart-host relay from one loopback address to another, and what its 250 promises."""

import os
import shlex
import shutil
import subprocess
import textwrap

HOST = "127.0.0.1"
PORT = 2525
SINK_PORT = 2526
# Nothing listens there.
NO_PORT = 2527
# The ids of users that a peer wants and the machine needn't have.
FIRST_USER = 64001


class Relay:
    """One relay. `start` gives its process, which calls `enter` before it becomes the relay; what else it forks is found by its control group."""

    name = ""
    promise = ""
    # A relay that can't take the whole load in reasonable time gets a part of the messages.
    share = 1.0
    # Connections at once that it can take where each brings one message.
    single_sessions = 1000

    def __init__(self, root, encrypted=False):
        self.root = root
        self.encrypted = encrypted

    def missing(self):
        """Why it can't be measured here, or None."""
        return None

    def start(self, work, enter):
        raise NotImplementedError

    def stop(self, work, process):
        process.terminate()

    def peer(self, name):
        return os.path.join(self.root, "artifacts", "peers", name)


def write(path, text, mode=0o644):
    with open(path, "w", encoding="utf-8") as file:
        file.write(textwrap.dedent(text))
    os.chmod(path, mode)


def spawn(work, command, enter, **more):
    with open(os.path.join(work, "log"), "ab") as log:
        return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, preexec_fn=enter, **more)


def private(work, users, binds, command, enter):
    """
    The command in a mount namespace where folders of ours stand in the places that the program has compiled in, /var/lib and /var/spool are empty, and /etc is a copy that knows the users it wants and looks names up in files alone: nothing stays on the machine.
    """
    layers = os.path.join(work, "layers")
    os.makedirs(layers)
    accounts = "".join(f"{user}:x:{FIRST_USER + i}:{FIRST_USER + i}::/nonexistent:/usr/sbin/nologin\n" for i, user in enumerate(users))
    groups = "".join(f"{user}:x:{FIRST_USER + i}:\n" for i, user in enumerate(users))
    script = [
        f"mount -t tmpfs tmpfs {layers}",
        f"mkdir {layers}/etc {layers}/work {layers}/lib {layers}/spool",
        f"mount -t overlay overlay -o lowerdir=/etc,upperdir={layers}/etc,workdir={layers}/work /etc",
        f"mount --bind {layers}/lib /var/lib",
        f"mount --bind {layers}/spool /var/spool",
        f"printf %s {shlex.quote(accounts)} >>/etc/passwd",
        f"printf %s {shlex.quote(groups)} >>/etc/group",
        # As it comes it says "db" first, which each process that looks something up searches a dozen folders for.
        "printf '%s: files\n' passwd group hosts services protocols >/etc/nsswitch.conf",
    ]
    for ours, place in binds:
        script += [f"[ -e {place} ] || mkdir {place}", f"mount --bind {ours} {place}"]
    return spawn(work, ["unshare", "--mount", "--propagation", "private", "/bin/sh", "-ec", "\n".join([*script, 'exec "$@"']), "sh", *command], enter)


class ThisRelay(Relay):
    """The native program, as `dotnet publish` makes it."""

    name = "relay"
    promise = "on disk (fdatasync before 250)"
    durability = "sync"

    def command(self):
        return [os.path.join(self.root, "artifacts/native/relay")]

    def start(self, work, enter):
        tls = "starttls" if self.encrypted else "none"
        write(os.path.join(work, "relay.toml"), f"""
            hostname = "relay.test"
            [spool]
            path = "{work}/spool"
            durability = "{self.durability}"
            # For a million that wait and what comes beside them: more than this is on disk alone, and waits for room.
            messages_in_memory = 2000000
            [[listener]]
            address = "{HOST}:{PORT}"
            tls = "{tls}"
            [delivery]
            tls = "none"
            [[route]]
            domain = "nowhere.test"
            next_hop = "smtp://{HOST}:{NO_PORT}"
            [[route]]
            domain = "*"
            next_hop = "smtp://{HOST}:{SINK_PORT}"
            tls = "{"opportunistic" if self.encrypted else "none"}"
            [admin]
            address = "{HOST}:0"
            [limits]
            connections_per_address = 20000
            [log]
            deliveries = "{work}/deliveries.jsonl"
            """)
        return spawn(work, [*self.command(), "serve", "--config", os.path.join(work, "relay.toml")], enter)


class ThisRelayByJit(ThisRelay):
    name = "relay, JIT"

    def command(self):
        return ["dotnet", os.path.join(self.root, "src/Relay.Daemon/bin/Release/net10.0/relay.dll")]


class ThisRelayUnsynced(ThisRelay):
    name = "relay, durability os"
    promise = "in the kernel's memory"
    durability = "os"


class PostfixDefault(Relay):
    name = "postfix, as it comes"
    promise = "on disk (fsync before 250)"
    share = 0.25
    extra = ""

    def missing(self):
        return None if shutil.which("postfix", path="/usr/sbin:/usr/bin") else "postfix is not installed"

    def start(self, work, enter):
        for folder in ("etc", "spool", "data"):
            os.makedirs(os.path.join(work, folder), exist_ok=True)
        shutil.chown(os.path.join(work, "data"), "postfix")
        tls = ""
        if self.encrypted:
            certificate(work)
            tls = f"smtpd_tls_security_level = may\nsmtpd_tls_chain_files = {work}/tls.pem\nsmtp_tls_security_level = may\nsmtp_tls_session_cache_database = btree:$data_directory/out\n"
        with open(os.path.join(work, "etc/main.cf"), "w", encoding="utf-8") as main:
            main.write(textwrap.dedent(f"""\
                compatibility_level = 3.6
                queue_directory = {work}/spool
                data_directory = {work}/data
                daemon_directory = /usr/lib/postfix/sbin
                maillog_file_prefixes = {work}
                maillog_file = {work}/maillog
                myhostname = relay.test
                mydestination =
                alias_maps =
                inet_interfaces = {HOST}
                inet_protocols = ipv4
                mynetworks = 127.0.0.0/8
                relayhost = [{HOST}]:{SINK_PORT}
                smtp_host_lookup = native
                """) + tls + textwrap.dedent(self.extra))
        services = ["pickup unix n - n 60 1 pickup", "cleanup unix n - n - 0 cleanup", "qmgr unix n - n 300 1 qmgr", "rewrite unix - - n - - trivial-rewrite", "bounce unix - - n - 0 bounce",
                    "defer unix - - n - 0 bounce", "trace unix - - n - 0 bounce", "proxymap unix - - n - - proxymap", "smtp unix - - n - - smtp", "relay unix - - n - - smtp",
                    "error unix - - n - - error", "retry unix - - n - - error", "anvil unix - - n - 1 anvil", "scache unix - - n - 1 scache", "tlsmgr unix - - n 1000? 1 tlsmgr", "postlog unix-dgram n - n - 1 postlogd"]
        write(os.path.join(work, "etc/master.cf"), f"{HOST}:{PORT} inet n - n - - smtpd\n" + "\n".join(services) + "\n")
        return spawn(work, ["/usr/sbin/postfix", "-c", os.path.join(work, "etc"), "start-fg"], enter)

    def stop(self, work, process):
        subprocess.run(["/usr/sbin/postfix", "-c", os.path.join(work, "etc"), "stop"], check=False, capture_output=True)


class Postfix(PostfixDefault):
    """More processes, nothing looked up, rewritten or held back; 20 connections to the sink, since 50 were slower here, and so was handing connections on through scache."""

    name = "postfix, tuned"
    share = 0.5
    extra = """\
        default_process_limit = 200
        max_use = 10000
        in_flow_delay = 0
        qmgr_message_active_limit = 100000
        qmgr_message_recipient_limit = 100000
        initial_destination_concurrency = 20
        smtp_destination_concurrency_limit = 20
        smtp_destination_recipient_limit = 100
        smtp_connection_cache_on_demand = no
        smtp_dns_support_level = disabled
        smtpd_peername_lookup = no
        smtpd_client_connection_count_limit = 0
        smtpd_recipient_restrictions = permit_mynetworks, reject
        smtpd_relay_restrictions = permit_mynetworks, reject
        local_header_rewrite_clients =
        local_recipient_maps =
        receive_override_options = no_address_mappings, no_header_body_checks
        message_size_limit = 50000000
        """


class Exim(Relay):
    """
    Each message is delivered by a process that its session forks, and by another that this one forks. Queue runners (`queue_only` and `-q1s`) fork as much, and made 22/s where this made 37/s; a
    connection handed on to the next message (`connection_max_messages`) starts the program anew for each.
    """

    name = "exim"
    promise = "on disk (fsync before 250)"
    share = 0.05

    def missing(self):
        return None if os.path.exists(self.binary()) else "exim4 is not unpacked"

    def binary(self):
        return os.path.join(self.peer("exim4-daemon-light"), "usr/sbin/exim4")

    def start(self, work, enter):
        user = "nobody"
        for folder in ("etc", "spool", "exim-log"):
            os.makedirs(os.path.join(work, folder), exist_ok=True)
        shutil.chown(os.path.join(work, "spool"), user, "nogroup")
        shutil.chown(os.path.join(work, "exim-log"), user, "nogroup")
        tls_in, tls_out = "tls_advertise_hosts =", "hosts_avoid_tls = *"
        if self.encrypted:
            certificate(work)
            shutil.chown(os.path.join(work, "tls.key"), user)
            # Certificates of the system would be read by each process that delivers.
            tls_in, tls_out = f"tls_certificate = {work}/tls.crt\n            tls_privatekey = {work}/tls.key\n            tls_verify_certificates =", "hosts_require_tls = *\n              tls_verify_certificates ="
        write(os.path.join(work, "etc/exim4.conf"), f"""\
            exim_user = {user}
            exim_group = nogroup
            exim_path = {self.binary()}
            spool_directory = {work}/spool
            log_file_path = {work}/exim-log/%slog
            pid_file_path = {work}/exim.pid
            primary_hostname = relay.test
            local_interfaces = {HOST}
            daemon_smtp_ports = {PORT}
            keep_environment =
            host_lookup =
            rfc1413_query_timeout = 0s
            {tls_in}
            dkim_verify_signers =
            smtp_accept_max = 300
            smtp_accept_max_per_connection = 0
            smtp_accept_queue_per_connection = 0
            smtp_connect_backlog = 300
            recipients_max = 1000
            deliver_drop_privilege = true
            split_spool_directory = true
            message_logs = false
            message_size_limit = 50M
            acl_smtp_rcpt = accept
            begin routers
            smarthost:
              driver = manualroute
              route_list = * {HOST}
              self = send
              transport = out
            begin transports
            out:
              driver = smtp
              port = {SINK_PORT}
              allow_localhost
              {tls_out}
              hosts_try_chunking =
              connection_max_messages = 1
            begin retry
            * * F,1h,1m
            """)
        # It doesn't start where the user that it was compiled for isn't known, though it becomes another.
        return private(work, ["Debian-exim"], [(os.path.join(work, "etc"), "/etc/exim4")], [self.binary(), "-bdf", "-q1m"], enter)


class OpenSmtpd(Relay):
    name = "opensmtpd"
    promise = "in the kernel's memory (no fsync)"
    share = 0.25
    # It listens with a backlog of five: of more clients that come at once some wait for TCP's retransmission, a second and more (and for ever where the kernel answers with cookies: compare.sh turns them off).
    single_sessions = 6

    def missing(self):
        if self.encrypted:
            return "Debian 12's OpenSMTPD 6.8 is linked with OpenSSL 3, with which it can't use its private key: no handshake succeeds (OpenSMTPD's issues 1171 and 1239)"
        return None if os.path.exists(self.binary()) else "opensmtpd is not unpacked"

    def binary(self):
        return os.path.join(self.peer("opensmtpd"), "usr/sbin/smtpd")

    def start(self, work, enter):
        for folder in ("queue-root", "run", "lib"):
            os.makedirs(os.path.join(work, folder), mode=0o711, exist_ok=True)
        os.makedirs(os.path.join(work, "lib/empty"), mode=0o711, exist_ok=True)
        kinds = ("host", "route", "source", "connector", "relay", "domain")
        limits = [f"max-conn-per-{kind} 50" for kind in kinds] + [f"conn-delay-{kind} 0" for kind in kinds]
        # Past `task-hiwat` waiting messages (50, as it comes) it puts a destination's envelopes aside, a thousand of them; each one more is asked for again after 3, 12, 27, 48 ... seconds.
        # No connection is kept for later: the sink ends between two loads, and a message whose connection closes waits 400 seconds.
        limits += ["reconn-delay-route 0", "session-keepalive 0", "session-mail-max 100000", "session-transaction-delay 0", "task-hiwat 100000", "task-lowat 1000", "task-release 0"]
        write(os.path.join(work, "smtpd.conf"), "".join(f"mta limit {limit}\n" for limit in limits) + textwrap.dedent(f"""\
            listen on {HOST} port {PORT} hostname relay.test
            smtp max-message-size 50M
            smtp limit max-mails 1000000
            smtp limit max-rcpt 1000
            mta max-deferred 100000
            scheduler limit max-inflight 100000
            action "out" relay host smtp+notls://{HOST}:{SINK_PORT} helo relay.test
            match from any for any action "out"
            """))
        write(os.path.join(work, "resolv.conf"), "lookup file\n")
        return private(
            work, ["opensmtpd", "opensmtpq"],
            [(os.path.join(work, "queue-root"), "/var/spool/smtpd"), (os.path.join(work, "run"), "/run"), (os.path.join(work, "lib"), "/var/lib/opensmtpd"), (os.path.join(work, "resolv.conf"), "/etc/resolv.conf")],
            [self.binary(), "-d", "-f", os.path.join(work, "smtpd.conf")], enter)


class Haraka(Relay):
    """
    Version 3.3 has no pool: each message goes out over a connection of its own, and 20 of them in each of two processes were faster here than 8 or 50, or one process. It syncs a file before it renames it into the queue, and the
    folder never; at a start it removes those that bear their first name.
    """

    name = "haraka"
    promise = "text on disk (fsync before 250), its name in the kernel's memory"
    share = 0.2

    def missing(self):
        return None if os.path.exists(os.path.join(self.package(), "bin/haraka")) and shutil.which("node") else "haraka is not installed"

    def package(self):
        return os.path.join(self.peer("haraka"), "node_modules/haraka")

    def start(self, work, enter):
        shutil.copytree(os.path.join(self.package(), "config"), os.path.join(work, "config"))
        for folder in ("plugins", "queue"):
            os.makedirs(os.path.join(work, folder))
        settings = {
            "smtp.ini": f"listen={HOST}:{PORT}\nnodes=cpus\ninactivity_timeout=60\n",
            "outbound.ini": f"[main]\nconcurrency_max=20\nenable_tls={str(self.encrypted).lower()}\nlocal_mx_ok=true\nconnect_timeout=30\n",
            "log.ini": "[main]\nlevel=notice\n",
            "me": "relay.test\n",
            "queue_dir": f"{work}/queue\n",
            "host_list": "",
            "plugins": "smart_host\n" + ("tls\n" if self.encrypted else ""),
        }
        if self.encrypted:
            certificate(work)
            for ours, place in (("key", "tls_key.pem"), ("crt", "tls_cert.pem")):
                shutil.copy(os.path.join(work, f"tls.{ours}"), os.path.join(work, "config", place))
        for name, text in settings.items():
            write(os.path.join(work, "config", name), text)
        write(os.path.join(work, "plugins/smart_host.js"), f"""\
            exports.register = function () {{
              this.register_hook('connect', 'trust')
              this.register_hook('get_mx', 'next_hop')
            }}
            exports.trust = (next, connection) => {{ connection.relaying = true; next() }}
            exports.next_hop = (next, hmail, domain) => next(OK, {{ priority: 0, exchange: '{HOST}', port: {SINK_PORT} }})
            """)
        return spawn(work, ["node", os.path.join(self.package(), "bin/haraka"), "-c", work], enter, cwd=work)


def certificate(work):
    """A key and a certificate of its own in one file."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=relay.test", "-days", "2", "-keyout", f"{work}/tls.key", "-out", f"{work}/tls.crt"],
        check=True, capture_output=True)
    with open(f"{work}/tls.pem", "w", encoding="ascii") as pem:
        for part in ("key", "crt"):
            with open(f"{work}/tls.{part}", encoding="ascii") as file:
                pem.write(file.read())
    os.chmod(f"{work}/tls.pem", 0o600)


ALL = {"relay": ThisRelay, "relay-jit": ThisRelayByJit, "relay-os": ThisRelayUnsynced, "postfix": Postfix, "postfix-default": PostfixDefault, "exim": Exim, "opensmtpd": OpenSmtpd, "haraka": Haraka}
