# To be sourced: MTAs that tests and benchmarks run beside the relay.

# Debian's MTAs exclude each other: these are unpacked and not installed, with the libraries that they want.
peers=(exim4-daemon-light opensmtpd)
libraries=(libdb5.3 libevent-2.1-7 libgnutls-dane0 libidn12 libidn2-0 libnsl2 libpcre2-8-0)

# unpack_peers FOLDER LOG
unpack_peers() {
	local peer folder=$1 log=$2 as_root=()
	command -v apt-get >/dev/null || return 0
	[[ $EUID -eq 0 ]] || as_root=(sudo -n)
	for peer in "${peers[@]}"; do
		[[ -d $folder/$peer ]] && continue
		echo "unpacking: $peer"
		rm -rf "$folder/.new"
		mkdir -p "$folder/.new"
		# The lists may be missing, or older than what the archive still has.
		if (cd "$folder/.new" && { apt-get download -qq "$peer" || { "${as_root[@]}" apt-get update -qq && apt-get download -qq "$peer"; }; } &&
			dpkg-deb -x "$peer"_*.deb tree) >>"$log" 2>&1; then
			mv "$folder/.new/tree" "$folder/$peer"
		else
			echo "$peer can't be had ($log); the tests that need it will be skipped" >&2
		fi
	done
	rm -rf "$folder/.new"
	if find "$folder" -type f -path '*/sbin/*' -exec ldd {} + 2>/dev/null | grep -q 'not found'; then
		"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${libraries[@]}" >>"$log" 2>&1 ||
			echo "the libraries of ${peers[*]} are missing and can't be installed ($log)" >&2
	fi
}
