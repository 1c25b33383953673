#!/bin/sh
# The first process of the machine: runs /job/command and says how it ended.
export PATH=/bin HOME=/tmp
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
ip link set lo up 2>/dev/null
cd /job
exec </dev/null >/dev/ttyS0 2>&1
stty -echo -onlcr 2>/dev/null
printf '\namx-machine begins\n'
sh ./command
status=$?
printf '\namx-machine ended with %s\n' $status
while :; do sleep 1000; done
