/** Which build of the page this is: everything in the tab, or beside the studio's server. */
declare const STUDIO_HOST: 'tab' | 'served'
