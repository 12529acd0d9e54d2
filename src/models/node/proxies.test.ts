import { describe, expect, it } from 'vitest'
import { connectionFault } from './connectionFault.js'
import { proxyFor, readProxySettings } from './proxies.js'

const through = (url: string, variables: Record<string, string>): string | null =>
  proxyFor(new URL(url), readProxySettings(variables))?.address ?? null
const hub = 'https://hub.example.org/a'

describe('proxyFor', () => {
  it('takes the variable of the scheme, in either case, lower first, then ALL_PROXY', () => {
    expect(through(hub, { HTTPS_PROXY: 'http://p:1' })).toBe('http://p:1')
    expect(through(hub, { https_proxy: 'http://q:1', HTTPS_PROXY: 'http://p:1' })).toBe('http://q:1')
    expect(through(hub, { https_proxy: '', HTTPS_PROXY: 'http://p:1' })).toBe('http://p:1')
    expect(through(hub, { HTTP_PROXY: 'http://p:1' })).toBeNull()
    expect(through('http://hub.example.org', { http_proxy: 'http://p:1' })).toBe('http://p:1')
    expect(through(hub, { ALL_PROXY: 'http://p:1', HTTP_PROXY: 'http://q:1' })).toBe('http://p:1')
    expect(through(hub, { all_proxy: 'p:3128' })).toBe('http://p:3128')
    expect(through(hub, {})).toBeNull()
  })

  it.each([
    ['*', true],
    ['hub.example.org', true],
    ['HUB.example.org.', true],
    ['example.org', true],
    ['.example.org', true],
    ['*.example.org', true],
    ['ample.org', false],
    ['other.org', false],
    ['hub.example.org:443', true],
    ['hub.example.org:8443', false],
    ['a.org, example.org', true],
    ['a.org example.org:443', true],
    ['', false],
  ])('NO_PROXY=%s leaves the hub out: %s', (none, left) => {
    expect(through(hub, { HTTPS_PROXY: 'http://p:1', NO_PROXY: none })).toBe(left ? null : 'http://p:1')
  })

  it.each([
    ['https://10.1.2.3', '10.0.0.0/8', true],
    ['https://11.1.2.3', '10.0.0.0/8', false],
    ['https://10.1.2.3:8443', '10.1.2.3:8443', true],
    ['https://[fd00::1]', 'fd00::/8', true],
    ['https://[fd00::1]:8443', '[fd00::1]:8443', true],
    ['https://[fd00::1]', 'fd00::1', true],
    ['https://hub', '10.0.0.0/99', false],
  ])('%s with NO_PROXY=%s is left out: %s', (url, none, left) => {
    expect(through(url, { HTTPS_PROXY: 'http://p:1', no_proxy: none })).toBe(left ? null : 'http://p:1')
  })

  it.each([
    'http://localhost:8080',
    'https://127.0.0.1',
    'https://127.9.9.9',
    'http://[::1]:80',
    'http://hub.localhost',
  ])('%s is this machine', (url) => {
    expect(through(url, { ALL_PROXY: 'http://p:1' })).toBeNull()
  })

  it('keeps user and password out of the address', () => {
    const proxy = proxyFor(new URL(hub), readProxySettings({ HTTPS_PROXY: 'http://me:s%40fe@p:1/' }))
    expect(proxy).toEqual({
      address: 'http://p:1',
      variable: 'HTTPS_PROXY',
      token: `Basic ${Buffer.from('me:s@fe').toString('base64')}`,
    })
  })

  it.each(['socks5://me:secret@p:1', 'http://me:secret@ p'])('refuses %s without showing its password', (value) => {
    expect(() => through(hub, { ALL_PROXY: value })).toThrow(
      expect.objectContaining({
        code: 'OPTION_INVALID',
        message: expect.stringMatching(/^Expected ALL_PROXY (?!.*secret)/s) as string,
      }),
    )
  })
})

describe('connectionFault', () => {
  const fault = (cause: object) => connectionFault('hub.example.org', new TypeError('fetch failed', { cause }), null)

  it.each([
    'SELF_SIGNED_CERT_IN_CHAIN',
    'DEPTH_ZERO_SELF_SIGNED_CERT',
    'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    'CERT_HAS_EXPIRED',
    'CERT_NOT_YET_VALID',
    'ERR_TLS_CERT_ALTNAME_INVALID',
  ])('%s names the variable for root certificates, and is not tried again', (code) => {
    const { message, kind } = fault({ code })
    expect(kind).toBe('refused')
    expect(message).toContain('certificate of hub.example.org')
    expect(message).toContain('NODE_EXTRA_CA_CERTS')
  })

  it('tells no network from a broken connection', () => {
    expect(fault({ code: 'ENOTFOUND' }).kind).toBe('unreachable')
    expect(fault({ code: 'ECONNRESET' }).kind).toBe('broken')
  })
})
