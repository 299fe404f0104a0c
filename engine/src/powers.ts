// On some machines (and in many a hosted CI) a capability is missing from the bounding set of everything that
// runs, and the engine answers `--privileged` with "unable to apply caps". There we ask for what is left.
import { readFileSync } from 'node:fs'

/** Either the engine may be asked for `--privileged`, or these capabilities are all there is to give. */
export type Powers = { privileged: true } | { privileged: false; capabilities: string[] }

// In the order of the bits, linux/capability.h. BPF, PERFMON and CHECKPOINT_RESTORE (38 to 40) are left out:
// Engine 20.10 does not know their names, and an engine inside does not need them.
const names = [
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE',
  'NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT',
  'SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE',
  'AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ',
].flatMap((line) => line.split(' '))

/** What a container on this machine's engine may be given, read from our own bounding set. */
export function readPowers(status: string = readFileSync('/proc/self/status', 'utf8')): Powers {
  const bounding = BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`)
  const capabilities = names.filter((_, bit) => (bounding >> BigInt(bit)) & 1n)
  // Without SYS_ADMIN we are in an ordinary container ourselves: our own bounds say nothing of the engine's.
  if (capabilities.length === names.length || !capabilities.includes('SYS_ADMIN')) return { privileged: true }
  return { privileged: false, capabilities }
}
