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
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 run run
mount -t tmpfs -o mode=1777 tmp tmp
# Devices that every program may expect, and none of this machine's.
mount -t tmpfs -o mode=755 dev dev
for node in null zero full random urandom tty; do
	touch "dev/$node"
	mount --bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mount -t tmpfs -o mode=1777 shm dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mkdir out source
mount --bind "$out" out
mount --bind "$source" source
mount -o remount,bind,ro source
exec chroot . /usr/lib/moded/desktop-test "$@"
