/**
 * An address without what may be a secret in it: a user and password before the host, and all that follows the path,
 * such as `?token=`. What is shown and written names models so; anything but an address comes back as it is.
 */
export function withoutSecrets(value: string): string {
  if (!/^[a-z][a-z\d+.-]*:\/\//i.test(value)) return value
  return value.replace(/^([^/]*\/\/)[^/?#]*@/, '$1').replace(/[?#].*$/s, '')
}
