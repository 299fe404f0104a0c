#!/bin/sh
# Runs before the program of every container that is made from this image.
# UDEV=1 (or on, true, yes): devices that are plugged in appear in /dev; the service has to be privileged.

start_udev() {
  if ! mkdir -p /run/udev-dev || ! mount -t devtmpfs devtmpfs /run/udev-dev 2>/dev/null; then
    echo 'cannot follow plugged devices (UDEV is set): the service is not privileged · add "privileged: true"' >&2
    return
  fi
  # The kernel's own view of the devices takes the place of the engine's copy, which never changes again.
  # The container's terminals, queues and shared memory are carried over.
  for own in /dev/pts /dev/mqueue /dev/shm; do
    mkdir -p "/run/udev-dev/${own#/dev/}"
    mount --move "$own" "/run/udev-dev/${own#/dev/}" 2>/dev/null || true
  done
  if [ -c /dev/console ]; then
    mount --bind /dev/console /run/udev-dev/console 2>/dev/null || true
  fi
  umount -R -l /dev 2>/dev/null || true
  mount --move /run/udev-dev /dev
  rmdir /run/udev-dev 2>/dev/null || true

  # In a network namespace of its own, udevd leaves the names of network interfaces alone but would miss the
  # kernel's events, which are sent to the first namespace only; services of this kind use the host's network.
  /usr/lib/systemd/systemd-udevd --daemon
  udevadm trigger --type=subsystems --action=add
  udevadm trigger --type=devices --action=add
  udevadm settle --timeout=10 || true
}

case "${UDEV:-}" in
  1 | on | true | yes | ON | On | TRUE | True) start_udev ;;
esac

exec "$@"
