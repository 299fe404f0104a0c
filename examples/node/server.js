import { createServer } from 'node:http'
import ms from 'ms'

const started = Date.now()
const port = 80

createServer((request, response) => {
  console.log(`${request.method} ${request.url}`)
  response.end(`Hello from ${process.env.BALENA_DEVICE_UUID?.slice(0, 7) ?? 'here'}, up for ${ms(Date.now() - started)}\n`)
}).listen(port, () => console.log(`hello, listening on port ${port}`))
