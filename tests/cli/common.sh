# common.sh - what the tests of the command line share; each is called as SCRIPT PROGRAM and works in a folder of its
# own. A test stops at the first expectation that does not hold and shows what the program said.
set -u
lethe=$(realpath "$1")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# 100 images of 28x28, one thread: an epoch of ResNet-20s takes about half a second.
data="--dataset synthetic --synthetic-train 100 --synthetic-test 40 --synthetic-size 28"
small="--arch resnet20s $data --batch 16 --threads 1"

fail() {
    echo "FAILED: $*"
    echo "--- standard output"; head -c 2000 out
    echo "--- standard error"; head -c 2000 err
    exit 1
}

# run CODE ARGUMENTS...: the program must end with exit code CODE; its output is left in `out` and `err`.
run() {
    local expected=$1 code
    shift
    "$lethe" "$@" >out 2>err </dev/null
    code=$?
    [ $code -eq "$expected" ] || fail "lethe $* ended with $code, not $expected"
}

says() { grep -q -e "$1" err || fail "standard error does not say '$1'"; }
prints() { grep -q -e "$1" out || fail "standard output does not hold '$1'"; }
silent() { [ ! -s out ] || fail "standard output is not empty"; }
holds() { grep -q -e "$2" "$1" || fail "$1 does not hold '$2'"; }
same() { cmp -s "$1" "$2" || fail "$1 and $2 differ"; }
is_there() { [ -e "$1" ] || fail "$1 is not there"; }
is_not_there() { [ ! -e "$1" ] || fail "$1 is there"; }
