import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { boundedFetch } from './boundedFetch.js'

const server = createServer((request, response) => {
  response.writeHead(request.url === '/missing' ? 404 : 200, { 'content-type': 'application/json' })
  if (request.url === '/short') response.end('{"a": 1}')
  else void endless(response)
})
let address = ''
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.closeAllConnections()
  server.close()
})

async function endless(response: ServerResponse): Promise<void> {
  while (!response.destroyed)
    if (!response.write('['.repeat(65_536))) await Promise.race([once(response, 'drain'), once(response, 'close')])
}

it('gives a short answer as it is', async () => {
  const response = await boundedFetch(fetch, true)(`${address}/short`)
  expect([response.status, response.url, await response.json()]).toEqual([200, `${address}/short`, { a: 1 }])
})

it('ends an answer without an end; what stands in place of a file too', async () => {
  await expect(boundedFetch(fetch, true)(`${address}/long`)).rejects.toMatchObject({
    code: 'DOWNLOAD_FAILED',
    message: expect.stringContaining('more than 16777216 bytes') as string,
  })
  await expect(boundedFetch(fetch, false)(`${address}/missing`)).rejects.toMatchObject({ code: 'DOWNLOAD_FAILED' })
})

it('leaves a file to whoever reads it', async () => {
  const response = await boundedFetch(fetch, false)(`${address}/file`)
  expect(response.ok).toBe(true)
  await response.body?.cancel()
})
