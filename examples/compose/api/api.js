const { createServer } = require('node:http')
const { readFileSync } = require('node:fs')

createServer((_, response) => {
  try {
    response.end(readFileSync('/data/count', 'utf8'))
  } catch {
    response.end('0')
  }
}).listen(3000, () => console.log('api is up'))
