import { Problem } from './problem.ts'

/** Returns when `yes` was given or a person says so; throws otherwise. */
export async function confirmed(yes: boolean | undefined, question: string): Promise<void> {
  if (yes) return
  if (!process.stdin.isTTY) throw new Problem(`cannot ask here: ${question} · give --yes`)
  const { confirm } = await import('@inquirer/prompts')
  if (!(await confirm({ message: question, default: false }))) throw new Problem('Nothing was changed.')
}
