import { mkdirSync, symlinkSync, writeFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import { zipSync } from 'fflate'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { limits } from '../../src/serve/operations.js'
import { ServedHost } from '../../src/studio/hosts/servedHost.js'
import {
  type Answer,
  ask,
  bearer,
  startToyStudio,
  token,
  toyOptions,
  namedPhoto,
  type ToyStudio,
  until,
} from './toyStudio.js'

// Requests that nobody sends who means well, to a server that must stay whole and go on working.

let studio: ToyStudio
let run: string
let cookie: string
beforeAll(async () => {
  studio = await startToyStudio()
  const host = new ServedHost({ base: studio.base, token })
  run = await host.submit({ kind: 'photo', options: toyOptions, photo: await namedPhoto(), mask: null })
  cookie = (await ask(studio, `/?token=${token}`)).headers['set-cookie']![0]!.split(';')[0]!
})
afterAll(async () => {
  expect(studio.faults).toEqual([])
  await studio.close()
})

const api = (path: string): string => `/api/v1${path}`
const own = (): string => `http://127.0.0.1:${studio.port}`

test('the token is exchanged for a cookie that scripts and other sites do not get, and leaves the address', async () => {
  const { status, headers } = await ask(studio, `/?token=${token}`)
  expect(status).toBe(303)
  expect(headers.location).toBe('/')
  expect(headers['set-cookie']).toEqual([
    expect.stringMatching(/^text2live-\d+=[\w-]+; Path=\/; HttpOnly; SameSite=Strict$/),
  ])
  expect(headers['set-cookie']![0]).not.toContain(token)
  expect((await ask(studio, api('/runs'), { headers: { Cookie: cookie } })).status).toBe(200)
  expect((await ask(studio, '/?token=wrong')).code).toBe('TOKEN_INVALID')
})

test('a ticket lets one browser in, once', async () => {
  const ticket = studio.ticket()
  expect((await ask(studio, `/?token=${ticket}`)).status).toBe(303)
  expect((await ask(studio, `/?token=${ticket}`)).code).toBe('TOKEN_INVALID')
  expect((await ask(studio, api('/runs'), { headers: { Authorization: `Bearer ${studio.ticket()}` } })).code).toBe(
    'TOKEN_INVALID',
  )
})

test('without the token, or with a wrong one, nothing of the interface answers', async () => {
  for (const headers of [
    {},
    { Authorization: 'Bearer wrong' },
    { Authorization: `Basic ${token}` },
    { Authorization: `Bearer ${token}x` },
    { Cookie: 'text2live-1=x' },
    { Cookie: `text2live-${studio.port}=` },
    { Cookie: `text2live-${studio.port}=${token}` },
  ] as Record<string, string>[]) {
    for (const path of ['/runs', '/machine', '/events', '/openapi.json', `/runs/${run}/files/config.yaml`, '/nothing'])
      expect([headers, path, (await ask(studio, api(path), { headers })).code]).toEqual([
        headers,
        path,
        'TOKEN_INVALID',
      ])
    expect((await ask(studio, api('/runs'), { method: 'POST', headers, body: 'x' })).status).toBeGreaterThanOrEqual(401)
  }
})

test('a request for another name than the server has is refused, whatever it asks and shows', async () => {
  for (const Host of [
    'evil.example',
    `evil.example:${studio.port}`,
    '127.0.0.1',
    `127.0.0.1:${studio.port + 1}`,
    '127.0.0.1.nip.io',
    `[::1]:1`,
    'x@127.0.0.1',
  ])
    for (const path of ['/', `/?token=${token}`, api('/runs'), api('/events')]) {
      const { status, text } = await ask(studio, path, { headers: { ...bearer, Host } })
      expect([Host, path, status >= 400 && status < 500, text.includes('title')]).toEqual([Host, path, true, false])
    }
  expect((await ask(studio, api('/runs'), { headers: { ...bearer, Host: `LOCALHOST:${studio.port}` } })).status).toBe(
    200,
  )
})

test('another site can neither change something nor follow, though the browser sends the cookie along', async () => {
  const body = JSON.stringify({ do: 'delete' })
  const refused = async (headers: Record<string, string>, path: string, method: string): Promise<void> => {
    const answer = await ask(studio, api(path), {
      method,
      headers: { 'Content-Type': 'application/json', ...headers },
      body: method === 'POST' ? body : '',
    })
    expect([headers, path, answer.code]).toEqual([headers, path, 'REQUEST_REFUSED'])
  }
  for (const Origin of [
    'null',
    'https://evil.example',
    `http://127.0.0.1:${studio.port + 1}`,
    `http://localhost.evil.example:${studio.port}`,
    `file://`,
    own() + '.evil.example',
  ])
    for (const credentials of [{ Cookie: cookie }, bearer] as Record<string, string>[]) {
      await refused({ Origin, ...credentials }, `/runs/${run}/requests`, 'POST')
      await refused({ Origin, ...credentials }, '/runs', 'POST')
      await refused({ Origin, ...credentials }, '/events', 'GET')
    }
  // A form of an old browser, and pages of other ports of this machine, which count as the same site.
  await refused({ Cookie: cookie }, `/runs/${run}/requests`, 'POST')
  for (const site of ['same-site', 'cross-site'])
    for (const path of ['/runs', `/runs/${run}/files/composite.png`])
      await refused({ Cookie: cookie, 'Sec-Fetch-Site': site }, path, 'GET')
  const page = { Cookie: cookie, Origin: own(), 'Sec-Fetch-Site': 'same-origin' }
  const answer = await ask(studio, api(`/runs/${run}/requests`), {
    method: 'POST',
    headers: page,
    body: JSON.stringify({ do: 'rename', title: 'mine' }),
  })
  expect(answer.status).toBe(204)
})

test('no page of another site reads, frames or runs anything of it', async () => {
  for (const path of ['/', '/assets/index-1.js', api('/runs'), api(`/runs/${run}/files/config.yaml`), '/nothing']) {
    const { headers } = await ask(studio, path, { headers: { ...bearer, Origin: 'https://evil.example' } })
    expect(headers['access-control-allow-origin']).toBeUndefined()
    expect(headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'cross-origin-resource-policy': 'same-origin',
      'referrer-policy': 'no-referrer',
      'content-security-policy': expect.stringMatching(/^default-src 'none'.*frame-ancestors 'none'$/) as string,
    })
    expect(headers['content-security-policy']).not.toContain("script-src 'unsafe")
  }
  const preflight = await ask(studio, api('/runs'), {
    method: 'OPTIONS',
    headers: { Origin: 'https://evil.example', 'Access-Control-Request-Method': 'POST' },
  })
  expect(preflight.status).toBe(403)
})

const leading = [
  '..',
  '.',
  '%2e%2e',
  '..%2f..',
  '..%2F..%2Fsecret.txt',
  '%2e%2e%2f%2e%2e%2fsecret.txt',
  '..%5c..',
  '..%255c..',
  '%2Fetc%2Fpasswd',
  'secret.txt',
  '%00',
  'bowl-1%00',
  '.studio.lock',
  '.studio.json',
  '..;/',
  '%c0%ae%c0%ae',
  '%uff0e%uff0e',
  '....//',
  'C:%5C',
  '~',
  '%ff',
  '__proto__',
  'constructor',
]

test('no name leads out of the folder, in no encoding', async () => {
  writeFileSync(join(dirname(studio.runs), 'secret.txt'), 'not for you')
  writeFileSync(join(studio.runs, run, 'notes.txt'), 'not for you')
  const paths = leading.flatMap((name) => [
    `/${name}`,
    `/assets/${name}`,
    api(`/runs/${name}`),
    api(`/runs/${name}/zip`),
    api(`/runs/${name}/files`),
    api(`/runs/${name}/files/config.yaml`),
    api(`/runs/${run}/files/${name}`),
    api(`/runs/${run}/files/previews/${name}`),
    api(`/runs/${run}/files/previews%2f${name}`),
    api(`/runs/${run}/files/../../${name}`),
  ])
  for (const path of [...paths, api(`/runs/${run}/files/notes.txt`), api(`/runs/${run}/files/.lock`)]) {
    const answer = await ask(studio, path, { headers: bearer })
    expect([path, answer.text.includes('not for you'), answer.text.includes('root:')]).toEqual([path, false, false])
    if (answer.status === 200)
      expect([path, answer.headers['content-type']]).toEqual([path, expect.stringMatching(/html|json/)])
    else
      expect([path, answer.status]).toEqual([
        path,
        expect.toSatisfy((status: number) => [400, 404, 422].includes(status)),
      ])
  }
})

test('a link in a run, or in place of one, is not followed', async () => {
  const outside = join(dirname(studio.runs), 'outside')
  mkdirSync(join(outside, 'previews'), { recursive: true })
  writeFileSync(join(outside, 'config.yaml'), 'configVersion: 1\nphoto: photo.png\n')
  writeFileSync(join(outside, 'previews', 'step-000001.png'), 'not for you')
  writeFileSync(join(outside, 'secret.txt'), 'not for you')
  symlinkSync(outside, join(studio.runs, 'linked-1'))
  for (const name of ['links-1', 'links-2']) {
    mkdirSync(join(studio.runs, name))
    writeFileSync(join(studio.runs, name, 'config.yaml'), 'configVersion: 1\nphoto: photo.png\n')
  }
  symlinkSync(join(outside, 'secret.txt'), join(studio.runs, 'links-1', 'composite.png'))
  symlinkSync(join(outside, 'previews'), join(studio.runs, 'links-2', 'previews'))
  try {
    const get = (path: string) => ask(studio, api(path), { headers: bearer })
    const listed = async (): Promise<string[]> =>
      (JSON.parse((await get('/runs')).text) as { runs: { name: string }[] }).runs.map(({ name }) => name)
    await until(async () => (await listed()).includes('links-1'), 'the run with a link for an output is listed')
    expect(await listed()).not.toContain('linked-1')
    for (const path of [
      '/runs/linked-1',
      '/runs/linked-1/files/config.yaml',
      '/runs/links-1/files/composite.png',
      '/runs/links-1/files',
      '/runs/links-1/zip',
      '/runs/links-2/files/previews%2Fstep-000001.png',
    ]) {
      const answer = await get(path)
      expect([path, answer.text.includes('not for you')]).toEqual([path, false])
      if (!path.endsWith('zip'))
        expect([path, answer.code]).toEqual([path, expect.stringMatching(/^RUN_(NOT_FOUND|INVALID)$/)])
    }
  } finally {
    rmSync(join(studio.runs, 'linked-1'))
    for (const name of ['links-1', 'links-2']) rmSync(join(studio.runs, name), { recursive: true })
  }
})

const form = { 'Content-Type': 'multipart/form-data; boundary=b' }
const part = (name: string, text: string, file = ''): string =>
  `--b\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n${text}\r\n`

test('a damaged form, or one that asks for what it must not, is refused with a code', async () => {
  const photo = part('photo', 'not a picture', '; filename="a.png"')
  const cases: readonly (readonly [string, Record<string, string>, string | Uint8Array, string])[] = [
    ['no form', {}, 'x', 'REQUEST_INVALID'],
    ['empty', form, '', 'REQUEST_INVALID'],
    ['no boundary', { 'Content-Type': 'multipart/form-data' }, part('options', '{}'), 'REQUEST_INVALID'],
    ['cut', form, part('options', '{}') + '--b\r\nContent-Disp', 'REQUEST_INVALID'],
    ['no photo', form, part('options', '{}') + '--b--\r\n', 'REQUEST_INVALID'],
    ['a text as photo', form, part('options', '{}') + part('photo', 'x') + '--b--\r\n', 'REQUEST_INVALID'],
    ['no options', form, photo + '--b--\r\n', 'REQUEST_INVALID'],
    ['no JSON', form, part('options', '{') + photo + '--b--\r\n', 'REQUEST_INVALID'],
    ['a list', form, part('options', '[1]') + photo + '--b--\r\n', 'REQUEST_INVALID'],
    ['a path', form, part('options', '{"mask": "/etc/passwd"}') + photo + '--b--\r\n', 'REQUEST_INVALID'],
    ['another folder', form, part('options', '{"out": "/tmp/x"}') + photo + '--b--\r\n', 'REQUEST_INVALID'],
    [
      'a model by path',
      form,
      part('options', '{"prompt": "x", "guidance": ["/etc"]}') + photo + '--b--\r\n',
      'OPTION_INVALID',
    ],
    ['an unknown option', form, part('options', '{"__proto__x": 1}') + photo + '--b--\r\n', 'OPTION_UNKNOWN'],
    ['no picture', form, part('options', '{"prompt": "x"}') + photo + '--b--\r\n', 'INPUT_NOT_IMAGE'],
    ['no zip', { 'Content-Type': 'application/zip' }, 'PK', 'RUN_INVALID'],
    ['a zip of nothing', { 'Content-Type': 'application/zip' }, zipSync({}), 'RUN_INVALID'],
    [
      'a zip that leads out',
      { 'Content-Type': 'application/zip' },
      zipSync({ '../config.yaml': new Uint8Array(3) }),
      'RUN_INVALID',
    ],
  ]
  for (const [what, headers, body, code] of cases) {
    const answer: Answer = await ask(studio, api('/runs'), { method: 'POST', headers: { ...bearer, ...headers }, body })
    expect([what, answer.code]).toEqual([what, code])
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.status).toBeLessThan(500)
  }
  for (const body of [
    '',
    '{',
    '[]',
    '{"do": "explode"}',
    '{"do": "steps", "steps": -1}',
    '{"do": "steps", "steps": 1e9}',
    '{"do": "pause", "x": 1}',
    'null',
    `{"do": "rename", "title": "${'x'.repeat(5000)}"}`,
  ])
    expect([
      body.slice(0, 40),
      (await ask(studio, api(`/runs/${run}/requests`), { method: 'POST', headers: bearer, body })).code,
    ]).toEqual([body.slice(0, 40), 'REQUEST_INVALID'])
  const odd = await ask(studio, api('/nothing'), { method: 'DELETE', headers: bearer })
  expect([odd.status, odd.code]).toEqual([400, 'REQUEST_INVALID'])
})

test('a zip that unfolds into more than a run has is refused before it does', async () => {
  const bomb = zipSync(
    { 'x/config.yaml': new Uint8Array(10), 'x/composite.png': new Uint8Array(2 ** 22) },
    { level: 9 },
  )
  // The directory at the end says how large the file is; a lie there is found by the length of what unfolds.
  const lying = bomb.slice()
  const view = new DataView(lying.buffer)
  for (let at = 0; at < lying.length - 4; at++)
    if (view.getUint32(at, true) === 0x02014b50 && view.getUint32(at + 24, true) === 2 ** 22)
      view.setUint32(at + 24, 2 ** 31 - 1, true)
  const answer = await ask(studio, api('/runs'), {
    method: 'POST',
    headers: { ...bearer, 'Content-Type': 'application/zip' },
    body: lying,
  })
  expect(answer.code).toBe('RUN_INVALID')
})

test('a gigabyte that is announced is refused unread', async () => {
  const answer = await new Promise<{ status: number; sent: boolean }>((resolve, reject) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port: studio.port,
        path: api('/runs'),
        method: 'POST',
        headers: { ...bearer, ...form, 'Content-Length': String(2 ** 30) },
      },
      (got) => {
        resolve({ status: got.statusCode ?? 0, sent: false })
        got.destroy()
      },
    )
    asked.on('error', reject)
    asked.write('--b\r\n')
  })
  expect(answer.status).toBe(413)
})

test('a gigabyte that comes unannounced is refused when it is too much, and is not held', async () => {
  const { status, bytes } = await new Promise<{ status: string; bytes: number }>((resolve, reject) => {
    const socket = connect(studio.port, '127.0.0.1')
    const chunk = Buffer.concat([
      Buffer.from(`${(2 ** 20).toString(16)}\r\n`),
      Buffer.alloc(2 ** 20),
      Buffer.from('\r\n'),
    ])
    let [bytes, got] = [0, '']
    const more = (): void => {
      while (bytes < 2 ** 30 && !socket.destroyed) {
        bytes += 2 ** 20
        if (!socket.write(chunk)) return
      }
    }
    socket.on('drain', more)
    socket.on('data', (data) => {
      got += data.toString('utf8')
      resolve({ status: got.split('\r\n')[0] ?? '', bytes })
      socket.destroy()
    })
    socket.on('error', reject)
    socket.write(
      `POST ${api('/runs')} HTTP/1.1\r\nHost: 127.0.0.1:${studio.port}\r\nAuthorization: Bearer ${token}\r\nContent-Type: multipart/form-data; boundary=b\r\nTransfer-Encoding: chunked\r\n\r\n`,
    )
    more()
  })
  expect(status).toBe('HTTP/1.1 413 Payload Too Large')
  // What is on its way when the answer comes counts too.
  expect(bytes).toBeLessThan(limits.clip + 2 ** 27)
  expect((await ask(studio, api('/runs'), { headers: bearer })).status).toBe(200)
}, 30_000)

test('of 200 streams 32 are open, the others are refused, and the server goes on', async () => {
  const streams = Array.from({ length: 200 }, () => {
    const asked = request({ host: '127.0.0.1', port: studio.port, path: api('/events'), headers: bearer, agent: false })
    const status = new Promise<number>((resolve, reject) => {
      asked.on('response', (answer) => resolve(answer.statusCode ?? 0))
      asked.on('error', reject)
    })
    asked.end()
    return { asked, status }
  })
  const statuses = await Promise.all(streams.map(({ status }) => status))
  expect(statuses.filter((status) => status === 200)).toHaveLength(32)
  expect(statuses.filter((status) => status === 503)).toHaveLength(168)
  expect((await ask(studio, api('/runs'), { headers: bearer })).status).toBe(200)
  for (const { asked } of streams) {
    asked.on('error', () => undefined)
    asked.destroy()
  }
  await until(async () => {
    const again = request({ host: '127.0.0.1', port: studio.port, path: api('/events'), headers: bearer, agent: false })
    const status = await new Promise<number>((resolve, reject) => {
      again.on('response', (answer) => resolve(answer.statusCode ?? 0))
      again.on('error', reject)
      again.end()
    })
    again.on('error', () => undefined)
    again.destroy()
    return status === 200
  }, 'a stream can be opened again')
}, 30_000)

test('half requests, garbage and connections that are cut leave it working', async () => {
  for (const bytes of [
    'GET / HTTP/1.1\r\n',
    '\0\0\0\0',
    `POST ${api('/runs')} HTTP/1.1\r\nHost: 127.0.0.1:${studio.port}\r\nAuthorization: Bearer ${token}\r\nContent-Length: 100\r\n\r\nabc`,
    'GET / HTTP/1.0\r\n\r\n',
    'GET http://evil.example/ HTTP/1.1\r\nHost: x\r\n\r\n',
    `GET /${'a'.repeat(40_000)} HTTP/1.1\r\n\r\n`,
  ]) {
    await new Promise<void>((resolve) => {
      const socket = connect(studio.port, '127.0.0.1', () => {
        socket.write(bytes, () => setTimeout(() => socket.destroy(), 20))
      })
      socket.on('error', () => undefined)
      socket.on('close', () => resolve())
    })
  }
  expect((await ask(studio, api('/runs'), { headers: bearer })).status).toBe(200)
})
