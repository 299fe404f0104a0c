// Makes the supervisor one file for Node 20: `node supervisor/bundle.ts <out>`.
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/** @param out path of the file; its folder is made */
export async function bundleSupervisor(out: string): Promise<void> {
  await build({
    entryPoints: [fileURLToPath(new URL('src/main.ts', import.meta.url))],
    outfile: out,
    bundle: true,
    platform: 'node',
    target: 'node20',
    // What a bare .js file is to Node.
    format: 'cjs',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    // Optional native helpers of ws, which we do not ship.
    external: ['bufferutil', 'utf-8-validate'],
    logLevel: 'warning',
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const out = process.argv[2]
  if (out === undefined) {
    process.stderr.write(
      'cannot bundle: name the file to write · node supervisor/bundle.ts dist/supervisor.js\n',
    )
    process.exitCode = 2
  } else await bundleSupervisor(out)
}
