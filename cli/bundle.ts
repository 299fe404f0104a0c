// `node cli/bundle.ts` makes cli/dist/copal.mjs: the whole command in one file, for people without the project. Runs on Node 20.
import { chmodSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'

const outfile = join(import.meta.dirname, 'dist', 'copal.mjs')

await build({
  entryPoints: [join(import.meta.dirname, 'src', 'main.ts')],
  outfile,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20',
  minify: true,
  legalComments: 'inline',
  banner: {
    // Some packages are CommonJS and ask for Node's own modules with `require`.
    js: `#!/usr/bin/env node
import { createRequire as copalRequire } from 'node:module'
const require = copalRequire(import.meta.url)`,
  },
})
chmodSync(outfile, 0o755)
process.stdout.write(`${outfile}: ${Math.round(statSync(outfile).size / 1000)} kB\n`)
