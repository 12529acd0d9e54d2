import { BlockList, isIP } from 'node:net'
import { Text2LiveError } from '../../errors.js'

/** What a variable asks for; checked when it is used, so that a model in the cache needs no proxy. */
interface ProxyVariable {
  readonly name: string
  readonly value: string
}

/** `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`, in lower or upper case. */
export interface ProxySettings {
  readonly http: ProxyVariable | null
  readonly https: ProxyVariable | null
  readonly none: string
}

export interface Proxy {
  /** Its address without user and password: what errors call it. */
  readonly address: string
  readonly variable: string
  /** The value of `Proxy-Authorization`, where the variable names a user. */
  readonly token: string | null
}

/** Lower case goes first, as with other programs; an empty variable is none. */
export function readProxySettings(variables: Readonly<Record<string, string | undefined>>): ProxySettings {
  const given = (name: string): ProxyVariable | null => {
    const found = [name.toLowerCase(), name].find((each) => (variables[each]?.trim() ?? '') !== '')
    return found === undefined ? null : { name: found, value: variables[found]!.trim() }
  }
  const all = given('ALL_PROXY')
  return { http: given('HTTP_PROXY') ?? all, https: given('HTTPS_PROXY') ?? all, none: given('NO_PROXY')?.value ?? '' }
}

/**
 * The proxy that a request goes through, or null: this machine itself is never asked through one, nor what `NO_PROXY`
 * names.
 * @throws OPTION_INVALID for a variable that is no address of an HTTP proxy
 */
export function proxyFor(url: URL, { http, https, none }: ProxySettings): Proxy | null {
  const variable = url.protocol === 'https:' ? https : http
  if (variable === null || isLoopback(hostOf(url)) || excluded(url, none)) return null
  const { name, value } = variable
  const text = /^[a-z][a-z\d+.-]*:\/\//i.test(value) ? value : `http://${value}`
  if (!URL.canParse(text)) throw invalid(name, 'it is no address')
  const { protocol, host, username, password } = new URL(text)
  if (protocol !== 'http:' && protocol !== 'https:') throw invalid(name, `it begins with "${protocol}//"`)
  const token =
    username === '' ? null : `Basic ${Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64')}`
  return { address: `${protocol}//${host}`, variable: name, token }
}

/** The variable is not quoted: it may hold a password. */
const invalid = (name: string, problem: string): Text2LiveError =>
  new Text2LiveError(
    'OPTION_INVALID',
    `Expected ${name} to be the address of an HTTP proxy, such as http://proxy.example.org:3128 or http://user:password@proxy.example.org:3128; ${problem}. ` +
      'Correct the variable, or name the host in NO_PROXY to reach it without a proxy.',
  )

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** In lower case, IPv6 without its brackets, a name without its final dot. */
const hostOf = ({ hostname }: URL): string =>
  hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
const defaultPorts: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host.endsWith('.localhost') || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))

/**
 * Entries are `*`, names (which stand for all names below them, with or without `.` or `*.` before them), addresses and
 * CIDR ranges, each also with a port.
 */
function excluded(url: URL, none: string): boolean {
  const [host, port] = [hostOf(url), url.port || defaultPorts[url.protocol]]
  return none
    .toLowerCase()
    .split(/[,\s]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true
      const { bracketed, plain, only } = /^(?:\[(?<bracketed>.+)\]|(?<plain>[^:]+))(?::(?<only>\d+))?$/.exec(entry)
        ?.groups ?? { plain: entry }
      if (only !== undefined && only !== port) return false
      const name = (bracketed ?? plain ?? '').replace(/^\*?\./, '').replace(/\.$/, '')
      if (name.includes('/')) return inRange(host, name)
      return name !== '' && (host === name || (isIP(host) === 0 && host.endsWith(`.${name}`)))
    })
}

function inRange(host: string, range: string): boolean {
  const [network = '', bits = ''] = range.split('/')
  const family = isIP(network)
  if (family === 0 || family !== isIP(host) || !/^\d{1,3}$/.test(bits) || Number(bits) > (family === 4 ? 32 : 128))
    return false
  const list = new BlockList()
  const type = family === 4 ? 'ipv4' : 'ipv6'
  list.addSubnet(network, Number(bits), type)
  return list.check(host, type)
}
