import type { Engine } from '@copal/engine/engine.ts'
import { jsonLines } from '@copal/engine/streams.ts'
import { Readable } from 'node:stream'
import { pack } from 'tar-stream'

/** Builds a Dockerfile with BuildKit. @throws Error with the engine's words and what the steps printed */
export async function build(engine: Engine, dockerfile: string, tag: string): Promise<void> {
  const context = pack()
  context.entry({ name: 'Dockerfile' }, dockerfile)
  context.finalize()
  const answer = await engine.request('POST', '/build', {
    query: { version: '2', t: tag },
    body: Readable.from(context),
  })
  let trace = ''
  for await (const line of jsonLines<{ id?: string; aux?: unknown; error?: string }>(answer)) {
    if (line.error) throw new Error(`${line.error}\n${trace}`)
    // Protobuf; what steps printed is readable in it, which is enough to see why a test failed.
    if (line.id === 'moby.buildkit.trace') trace += Buffer.from(String(line.aux), 'base64').toString('latin1')
  }
}
