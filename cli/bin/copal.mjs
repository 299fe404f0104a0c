#!/usr/bin/env node
// The entry of the `copal` command. The machine's Node may be older than what runs TypeScript as it lies: then Node 24,
// which came with the packages, takes over.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import module from 'node:module'
import { constants } from 'node:os'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..', '..')
const program = join(import.meta.dirname, '..', 'src', 'main.ts')

if (Number(process.versions.node.split('.')[0]) >= 24) {
  module.enableCompileCache?.() // halves the start
  await import(program)
} else {
  const node = join(root, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node')
  if (!existsSync(node)) {
    console.error('cannot find Node 24 · run npm ci in the folder of the project, or install Node 24')
    process.exit(1)
  }
  const child = spawn(node, [program, ...process.argv.slice(2)], { stdio: 'inherit' })
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  // Ctrl-C at a terminal reaches the child as well; twice would mean "at once".
  process.on('SIGINT', () => process.stdin.isTTY || child.kill('SIGINT'))
  child.once('exit', (code, signal) => process.exit(code ?? 128 + (constants.signals[signal] ?? 0)))
}
