#!/usr/bin/env bash
# Builds everything in Release, runs all test projects and ends with one line: "N passed, N failed, N skipped".
# RELAY_LONG=1 selects the long forms. Installs the Debian packages that the end-to-end tests use, when they are missing and we may.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
results=$root/artifacts/tests
cd "$root"
export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 PATH=$PATH:/usr/sbin:/sbin

# program=package
tools=(testssl=testssl.sh hydra=hydra gnutls-cli=gnutls-bin nmap=nmap rspamd=rspamd unbound=unbound ldns-signzone=ldnsutils opendkim=opendkim mutt=mutt msmtp=msmtp s-nail=s-nail postfix=postfix smtp-source=postfix smtp-sink=postfix swaks=swaks dnsmasq=dnsmasq-base openssl=openssl
	strace=strace mkfs.ext4=e2fsprogs mount=mount curl=curl python3=python3 ip=iproute2
	dovecot=dovecot-core /usr/lib/dovecot/lmtp=dovecot-lmtpd /usr/lib/dovecot/imap=dovecot-imapd /usr/lib/dovecot/pop3=dovecot-pop3d)

install_tools() {
	local missing=() pair as_root=()
	for pair in "${tools[@]}"; do
		command -v "${pair%%=*}" >/dev/null || missing+=("${pair##*=}")
	done
	# What swaks only recommends, and can't speak TLS without.
	perl -MNet::SSLeay -e 1 2>/dev/null || missing+=(libnet-ssleay-perl)
	# A module for Debian's own Python.
	/usr/bin/python3 -c 'import Milter' 2>/dev/null || missing+=(python3-milter)
	# By which Postfix logs in.
	compgen -G '/usr/lib/*/sasl2/libscram.so' >/dev/null || missing+=(libsasl2-modules)
	[[ ${#missing[@]} -gt 0 ]] || return 0
	if [[ $EUID -ne 0 ]]; then
		as_root=(sudo -n)
	fi
	if ! command -v apt-get >/dev/null || ! "${as_root[@]}" true 2>/dev/null; then
		echo "missing and not installable from here: ${missing[*]}; the tests that need them will be skipped" >&2
		return 0
	fi
	echo "installing: ${missing[*]}"
	printf 'postfix postfix/main_mailer_type select No configuration\npostfix postfix/mailname string localhost\n' | "${as_root[@]}" debconf-set-selections
	# 101 = no service may be started: the tests run their own instances.
	local policy=/usr/sbin/policy-rc.d
	if [[ ! -e $policy ]]; then
		printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee $policy >/dev/null
		"${as_root[@]}" chmod 755 $policy
		# shellcheck disable=SC2064
		trap "${as_root[*]} rm -f $policy" EXIT
	fi
	if ! { "${as_root[@]}" apt-get update -qq &&
		"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(printf '%s\n' "${missing[@]}" | sort -u); } >>"$results/apt.log" 2>&1; then
		echo "apt-get failed ($results/apt.log); the tests that need ${missing[*]} will be skipped" >&2
	fi
}

# shellcheck source=peers.sh
. "$root/tests/peers.sh"

# attribute NAME of the <assembly> element of a report, summed over the file
attribute() {
	grep -o '<assembly [^>]*>' "$2" | sed -n "s/.* $1=\"\([0-9]*\)\".*/\1/p" | awk '{ n += $1 } END { print n + 0 }'
}

# one line for each skipped test, with its reason, and the figures that tests reported
notes() {
	sed -e 's/<test /\n<test /g' -e 's/<output>/\n/g' -e 's/<!\[CDATA\[//g' "$1" | sed -n \
		-e 's/^<test .* name="\([^"]*\)" result="Skip".*<reason>\([^<]*\).*/skipped \1: \2/p' \
		-e 's/^\(figure: [^<]*\).*/\1/p' | sed -e 's/\]\]>.*//' -e 's/&quot;/"/g' -e 's/&lt;/</g' -e 's/&gt;/>/g' -e 's/&amp;/\&/g'
}

# one line for each failed test, with what it said
failures_of() {
	python3 - "$1" <<-'END' || echo "failed: see $1"
		import sys, xml.etree.ElementTree as xml
		for test in xml.parse(sys.argv[1]).iter("test"):
		    if test.get("result") == "Fail":
		        message = " ".join((test.findtext("failure/message") or "").split())
		        print(f"failed {test.get('name')} after {test.get('time')} s: {message[:600]}")
	END
}

rm -rf "$results"
mkdir -p "$results"
install_tools
unpack_peers "$root/artifacts/peers" "$results/apt.log"

projects=("$root"/tests/*.Tests/*.csproj)
for project in Relay.sln "${projects[@]}"; do
	# What the solution has is built with it: even to find that out takes seconds.
	[[ $project == Relay.sln ]] || ! grep -qF "\\$(basename "$project")\"" Relay.sln || continue
	if ! dotnet build "$project" -c Release -v q --nologo; then
		echo "$project does not build"
		echo "0 passed, 1 failed, 0 skipped"
		exit 1
	fi
done

# All has to end within 27 minutes; only the long forms may take what they take.
deadline=$([[ ${RELAY_LONG:-} == 1 ]] && echo 360000 || echo 1620)
passed=0 failed=0 skipped=0
for project in "${projects[@]}"; do
	name=$(basename "$project" .csproj)
	report=$results/$name.xml
	echo "== $name"
	status=0
	# A test that hangs is named after a minute, and its project ended in time to be counted as failed.
	timeout -k 10 "$((deadline - SECONDS > 30 ? deadline - SECONDS : 30))" "$root/tests/$name/bin/Release/net10.0/$name" --progress off --long-running 60 --xunit-diagnostics on --results-directory "$results" --report-xunit-xml --report-xunit-xml-filename "$name.xml" || status=$?
	if [[ ! -s $report ]]; then
		# 8: the project has no tests yet.
		if [[ $status -ne 8 ]]; then
			echo "$name ended with status $status and without a report"
			failed=$((failed + 1))
		fi
		continue
	fi
	notes "$report"
	failures=$(($(attribute failed "$report") + $(attribute errors "$report")))
	if [[ $status -ne 0 && $status -ne 8 && $failures -eq 0 ]]; then
		echo "$name ended with status $status although no test failed"
		failures=1
	fi
	passed=$((passed + $(attribute passed "$report")))
	failed=$((failed + failures))
	skipped=$((skipped + $(attribute skipped "$report")))
done

# Named once more where the end of a long log shows them.
for report in "$results"/*.xml; do
	[[ ! -s $report ]] || failures_of "$report"
done
echo "$passed passed, $failed failed, $skipped skipped"
[[ $failed -eq 0 ]]
