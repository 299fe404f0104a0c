import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { Command } from 'commander'
import { cliPage, page } from './docs.ts'
import { makeProgram } from './src/program.ts'

test('docs/cli.md is what the commands say of themselves', () => {
  assert.equal(readFileSync(page, 'utf8'), cliPage(), 'run: node cli/docs.ts --write')
})

test('every command and option says what it does, and every command that reads prints JSON on request', () => {
  const reads = /^(?:list|show|logs|follow|open|whoami)$/
  const wrong: string[] = []
  const visit = (command: Command, path: string) => {
    if (!command.description() && command.name() !== 'complete') wrong.push(`${path}: no description`)
    for (const option of command.options) if (!option.description) wrong.push(`${path} ${option.flags}`)
    if (command.commands.length === 0 && reads.test(command.name()))
      if (!command.options.some((option) => option.long === '--json')) wrong.push(`${path}: no --json`)
    for (const each of command.commands) visit(each, `${path} ${each.name()}`)
  }
  visit(makeProgram(), 'copal')
  assert.deepEqual(wrong, [])
})
