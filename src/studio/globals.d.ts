/** Which build of the page this is: everything in the tab, or beside the studio's server. */
declare const STUDIO_HOST: 'tab' | 'served'

/** A picture of the page: its address. */
declare module '*.jpg' {
  const address: string
  export default address
}

declare module '*.css' {}
