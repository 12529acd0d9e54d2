import { proxyFor, type ProxySettings } from './proxies.js'

type Fetch = typeof globalThis.fetch

const made = new Map<string, Fetch>()

/**
 * A `fetch` that asks each address, those it is sent on to included, through the proxy that `settings` name for it.
 * Node's own knows none on the versions that the program runs on; the package's dispatcher works with the package's
 * `fetch` only.
 */
export async function proxiedFetch(settings: ProxySettings): Promise<Fetch> {
  const key = JSON.stringify(settings)
  const known = made.get(key)
  if (known) return known
  const { Agent, fetch, Pool, ProxyAgent } = await import('undici')
  const dispatcher = new Agent({
    factory(origin, options) {
      const proxy = proxyFor(new URL(origin), settings)
      if (proxy === null) return new Pool(origin, options)
      // Proxies often refuse tunnels to other ports than that of HTTPS, so what is not encrypted is asked of the proxy
      // itself.
      return new ProxyAgent({
        uri: proxy.address,
        proxyTunnel: false,
        ...(proxy.token === null ? {} : { token: proxy.token }),
      })
    },
  })
  const proxied: Fetch = async (input, init) => {
    const { headers, ...rest } = init ?? {}
    const asked = { ...rest, headers: Object.fromEntries(new Headers(headers)), dispatcher } as unknown as Parameters<
      typeof fetch
    >[1]
    return (await fetch(input as string, asked)) as unknown as Response
  }
  made.set(key, proxied)
  return proxied
}

/** What a proxy answered instead of opening a connection; null where the failure is another. */
export function proxyStatus(cause: unknown): number | null {
  const status = /^Proxy .*\((\d{3})\)/.exec((cause as { message?: string } | undefined)?.message ?? '')?.[1]
  return status === undefined ? null : Number(status)
}
