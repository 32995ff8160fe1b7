# Runs in fresh namespaces: puts the system under test together at a mount of
# its own and starts the runner as its first process.
#   $1 the Debian, $2 what make install installed, $3 where results go, $4 the
#   source tree, $5 an empty directory; the rest are the runner's arguments.
set -eu
debian=$1 stage=$2 out=$3 source=$4 scratch=$5
shift 5
mount -t tmpfs -o mode=755 moded "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay -o "lowerdir=$stage:$debian,upperdir=$scratch/upper,workdir=$scratch/work" overlay "$scratch/root"
cd "$scratch/root"
mounts
mount -t tmpfs -o mode=1777 tmp tmp
mkdir out source
mount --bind "$out" out
mount --bind "$source" source
mount -o remount,bind,ro source
exec chroot . /usr/lib/moded/desktop-test "$@"
