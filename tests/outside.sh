#!/bin/sh
# Sets up what the tests need from outside of Python: feed readers, web servers and a browser from
# Debian's packages, and axe-core, which judges accessibility, from npm by its hash.
#
# Installs what is missing where it may (root, and apt); elsewhere says what is missing: the tests
# that need it are skipped there, each with its reason. On CI (CI is set) none is skipped.
set -eu

axe=${1:?the folder for axe-core, in the virtual environment}
commands="systemd-analyze faketime nginx caddy newsboat r2e sfeed_update liferea xvfb-run xauth dbus-run-session gdbus curl chromium"
packages="systemd faketime nginx caddy newsboat rss2email sfeed liferea xvfb xauth dbus libglib2.0-bin curl chromium"

missing=
PATH=$PATH:/usr/sbin
for command in $commands; do
  command -v "$command" >/dev/null || missing="$missing $command"
done
if [ -n "$missing" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "installing from Debian's packages:$missing"
  export DEBIAN_FRONTEND=noninteractive
  # The servers are for the tests alone: none is started by its package.
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
    chmod 755 /usr/sbin/policy-rc.d
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  # shellcheck disable=SC2086
  { apt-get update -qq && apt-get install -qq --no-install-recommends $packages >/dev/null; } \
    || echo "apt could not install all of them: the tests of the others are skipped"
elif [ -n "$missing" ]; then
  echo "missing, so that their tests are skipped:$missing"
  echo "on Debian: sudo apt install $packages"
fi

if [ ! -e "$axe/axe.min.js" ]; then
  mkdir -p "$axe"
  python3 - "$axe" <<'END' || echo "axe-core could not be had from npm: its tests are skipped"
import base64, hashlib, io, os, sys, tarfile, urllib.request

URL = "https://registry.npmjs.org/axe-core/-/axe-core-4.14.1.tgz"
SHA512 = "FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ=="

with urllib.request.urlopen(URL, timeout=60) as answer:
    packed = answer.read()
if base64.b64encode(hashlib.sha512(packed).digest()).decode() != SHA512:
    sys.exit("axe-core: its bytes are not those that were expected")
with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
    script = archive.extractfile("package/axe.min.js").read()
half = os.path.join(sys.argv[1], "half")
with open(half, "wb") as file:
    file.write(script)
os.replace(half, os.path.join(sys.argv[1], "axe.min.js"))
END
fi
