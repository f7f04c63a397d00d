#!/bin/sh
# Runs once in the guest's tree, while its disk is made: an ordinary user, a unit that runs the tests, no timers.
set -eu
useradd --create-home --shell /bin/bash user
cp /opt/guest/host-tests.service /etc/systemd/system/
systemctl enable host-tests.service
systemctl mask getty.target serial-getty@ttyS0.service apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
    e2scrub_all.timer fstrim.timer
echo guest >/etc/hostname
echo "127.0.0.1 localhost guest" >/etc/hosts
echo "/dev/vda / ext4 defaults 0 1" >/etc/fstab
# Each run brings its own sources; what this disk was made from must not stay beside them.
cd /opt/ingle && rm -rf src tests benchmarks examples scripts docs changes
