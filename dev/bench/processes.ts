// Processes as Linux tells of them under /proc.
import { readdir, readFile } from 'node:fs/promises'

/** A process and its children. */
export async function family(pid: number): Promise<number[]> {
  const found = [pid]
  for (const name of await readdir('/proc'))
    if (/^\d+$/.test(name) && Number((await statOf(name))[1]) === pid) found.push(Number(name))
  return found
}

/** What these processes have computed since they began, in ms; those that are gone count as nothing. */
export async function processorTime(pids: number[]): Promise<number> {
  let ticks = 0
  for (const pid of pids) {
    const fields = await statOf(pid)
    ticks += Number(fields[11] ?? 0) + Number(fields[12] ?? 0)
  }
  return ticks * 10 // a tick is a hundredth of a second on every Linux we know
}

/** Fields of proc_pid_stat(5) from the third (state) on: the name before them may hold anything. */
async function statOf(pid: number | string): Promise<string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}
