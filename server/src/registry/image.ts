// Until the registry's own is here.
import type { Context } from '../context.ts'

export async function imageIsWhole(_ctx: Context, _repository: string, _digest: string): Promise<boolean> {
  return true
}

export async function imageSize(
  _ctx: Context,
  _repository: string,
  _digest: string,
): Promise<number | undefined> {
  return undefined
}
