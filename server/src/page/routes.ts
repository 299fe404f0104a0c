import type { FastifyInstance } from 'fastify'
import { readFileSync } from 'node:fs'

const files = {
  '/': ['index.html', 'text/html'],
  '/page.css': ['page.css', 'text/css'],
  '/page.js': ['page.js', 'text/javascript'],
} as const

/** The plain page at `/`: what this is, and after login fleets, devices and the next commands. */
export function pageRoutes(app: FastifyInstance): void {
  for (const [path, [file, type]] of Object.entries(files)) {
    const content = readFileSync(new URL(file, import.meta.url))
    app.get(path, (_, reply) =>
      reply
        .type(`${type}; charset=utf-8`)
        .header(
          'Content-Security-Policy',
          "default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'",
        )
        .header('X-Content-Type-Options', 'nosniff')
        .header('Cache-Control', 'no-cache')
        .send(content),
    )
  }
}
