// For tests only: a server whose clock is set, and images in its registry.
import { randomBytes } from 'node:crypto'
import type { Context } from '../context.ts'
import { client, seedImage, seedRelease, type Client } from '../registry/test-registry.ts'
import { mintToken, type Action } from '../registry/tokens.ts'
import { adminPassword, testServer, type TestServer } from '../test-server.ts'

const hour = 3600_000

export interface TestRegistry extends TestServer {
  /** From now on the platform's clock is that much further. */
  pass(hours: number): void
  /** A session token of the administrator by the clock as it is. */
  login(): Promise<string>
  /** Who may do this, in repositories by name. */
  clientFor(access: Record<string, Action[]>): Promise<Client>
  /** An image of these layers in a successful, final release of the fleet, pushed and whole. */
  released(
    application: number,
    layers?: Buffer[],
  ): Promise<{ location: string; digest: string; release: number }>
  /** What is there of these digests: `row`, `bytes`, both or neither. */
  there(...digests: string[]): Promise<string[]>
}

export async function testRegistry(settings: Record<string, string> = {}): Promise<TestRegistry> {
  const server = await testServer(settings)
  const { ctx } = server
  let ahead = 0
  ctx.now = () => new Date(Date.now() + ahead)
  const clientFor = async (access: Record<string, Action[]>) => {
    const grants = Object.entries(access).map(([name, actions]) => ({
      type: 'repository' as const,
      name,
      actions,
    }))
    return client(server, await mintToken(ctx, { subject: 'test', access: grants, seconds: 1e8 }))
  }
  return {
    ...server,
    pass: (hours) => void (ahead += hours * hour),
    clientFor,
    login: () => server.call('POST', '/login_', { username: 'admin', password: adminPassword }),
    async released(application, layers = [randomBytes(500)]) {
      const location = await seedImage(ctx, application)
      const http = await clientFor({ [location]: ['pull', 'push'] })
      const digest = await http.pushImage(location, 'latest', layers)
      await markBuilt(ctx, location, digest)
      const release = await seedRelease(ctx, application, [location], { revision: ++revisions })
      return { location, digest, release }
    },
    async there(...digests) {
      const rows = await ctx.db.sql<{ digest: string }[]>`
        select digest from registry_blob where digest = any(${digests})`
      return Promise.all(
        digests.map(async (digest) => {
          const bytes = (await ctx.blobs.size(digest)) !== undefined
          const row = rows.some((one) => one.digest === digest)
          return [row && 'row', bytes && 'bytes'].filter(Boolean).join(' and ') || 'neither'
        }),
      )
    },
  }
}

let revisions = 0

export async function markBuilt(ctx: Context, location: string, digest: string): Promise<void> {
  await ctx.db.sql`
    update image set status = 'success', content_hash = ${digest}, push_timestamp = ${ctx.now()} where location = ${location}`
}
