// What a figure was measured on: without it, it says nothing.
import { execFileSync } from 'node:child_process'
import { cpus, loadavg, release, totalmem } from 'node:os'

export interface Machine {
  cores: number
  processor: string
  memoryGb: number
  /** Runnable processes, on average over the last minute; above `cores`, figures are slower than they need be. */
  load: number
  kernel: string
  node: string
  commit: string
}

export function describeMachine(): Machine {
  const all = cpus()
  return {
    cores: all.length,
    processor: all[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 2 ** 30),
    load: Math.round(loadavg()[0]! * 10) / 10,
    kernel: release(),
    node: process.versions.node,
    commit:
      git('rev-parse', '--short', 'HEAD') +
      (git('status', '--porcelain', '--', ':/', ':(top,exclude)docs') ? ' with changes' : ''),
  }
}

export function machineText({ cores, processor, memoryGb, load, kernel, node, commit }: Machine): string {
  return `${cores} cores of ${processor}, ${memoryGb} GB, Linux ${kernel}, Node.js ${node}, load ${load}; commit ${commit}`
}

function git(...args: string[]): string {
  return execFileSync('git', args, { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
}
