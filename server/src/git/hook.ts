// The conversation with `hooks/pre-receive`, by which git asks whether a push is taken.
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { Readable, Writable } from 'node:stream'
import type { Command } from './branches.ts'

/** What the hook asks: where git keeps the objects for now, where the pusher's history is cut off, and what is to move. */
export interface Question {
  quarantine: string
  shallow: string[]
  commands: Command[]
}

export interface Hook {
  /** Resolves when the hook asks; never, when git needs no answer. */
  asked: Promise<Question>
  /** A line for the pusher's terminal, passed on at once. */
  say(line: string): void
  answer(verdict: 'take' | 'refuse'): void
}

/** The other end of `hooks/pre-receive`. */
export function hookOf(git: ChildProcess): Hook {
  const [, , , questions, words, verdicts] = git.stdio as unknown as [0, 0, 0, Readable, Writable, Writable]
  for (const stream of [questions, words, verdicts]) stream.on('error', () => {})
  const question: Question = { quarantine: '', shallow: [], commands: [] }
  return {
    asked: new Promise((done) => {
      createInterface({ input: questions }).on('line', (line) => {
        const [kind, ...rest] = line.split(' ')
        switch (kind) {
          case 'quarantine':
            question.quarantine = rest.join(' ')
            break
          case 'shallow':
            question.shallow.push(rest[0]!)
            break
          case 'command':
            question.commands.push({ old: rest[0]!, new: rest[1]!, ref: rest[2]! })
            break
          case 'end':
            done(question)
        }
      })
    }),
    say: (line) => void words.write(`${line}\n`),
    answer(verdict) {
      words.end()
      verdicts.end(verdict === 'take' ? '0\n' : '1\n')
    },
  }
}
