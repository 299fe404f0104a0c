const { createServer } = require('node:http')

createServer(async (_, response) => {
  const count = await fetch('http://api:3000/').then((answer) => answer.text(), (error) => `no count yet: ${error.message}`)
  response.end(`worker says: ${count}\n`)
}).listen(8080, () => console.log('web is up'))
