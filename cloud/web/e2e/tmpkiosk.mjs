import {readFileSync} from 'node:fs'
import {createServer} from 'node:http'
import {accessible, here, look, page, test, chrome} from './lib.mjs'
const eur=m=>({minor:m,currency:'EUR'})
const base={version:1,now:'2026-06-15T09:24:00Z',kiosk:{id:'kiosk-1',label:'1',parking:'altmarkt',parking_name:'Altmarkt',zone:'Europe/Berlin',currency:'EUR',languages:['en','de'],help:'the control room'},border:{look:'none',codes:[],works:[]},can:{cash:true,card:true,tickets:true,receipts:true,lost:true,validation:true,help:true,takes:[10,20,50,100,200].map(value=>({value,note:false})).concat([{value:500,note:true},{value:1000,note:true}])},free:84,tariff:{version:14,rates:[{after_minutes:0,rate:eur(250),interval_minutes:60},{after_minutes:60,rate:eur(200),interval_minutes:60}],exact:true,daily_max:eur(1400),free_minutes:0,exit_minutes:15,more:true},deadline:null}
const stay={entered_at:'2026-06-15T07:06:00Z',uncertain:false,reserved:false,plate:'DD KM 208',minutes:138,lost_ticket:false}
const bill={lines:[{rule:'rate',label:'First hour',quantity:1,minutes:60,rate:250,from:'2026-06-15T07:06:00Z',to:'2026-06-15T08:06:00Z',amount:eur(250)},{rule:'per_minute',label:'78 min at 2.00 EUR per 60 min',minutes:60,quantity:78,rate:200,from:'2026-06-15T08:06:00Z',to:'2026-06-15T09:24:00Z',amount:eur(260)}],total:eur(510),paid_before:eur(0),discount:eur(0),to_pay:eur(510),tax:eur(81),tax_basis_points:1900,tariff_version:14,valid_until:'2026-06-15T09:30:00Z'}
const link={look:'link',since:'2026-06-15T09:06:00Z',codes:['no_link'],works:['cash','card']}
const S={
 start:{screen:{name:'start'}},
 plate:{screen:{name:'search',by:'plate',found:[],tries:0}},
 found:{screen:{name:'search',by:'plate',found:[{key:'a',entered_at:'2026-06-15T07:06:00Z',lane:'entry-1',reserved:false},{key:'b',entered_at:'2026-06-14T17:06:00Z',lane:'entry-1',reserved:true}],tries:1}},
 scan:{screen:{name:'search',by:'pass',found:[],problem:'not_readable',tries:1}},
 pay0:{screen:{name:'pay',stay,bill,inserted:eur(0),pieces:[],still_to_pay:eur(510),change:null,busy:false}},
 pay:{border:link,screen:{name:'pay',stay,bill,inserted:eur(1000),pieces:[{value:1000,count:1,note:true}],still_to_pay:eur(0),change:{amount:eur(490),coins:[{value:200,count:2,note:false},{value:50,count:1,note:false},{value:20,count:2,note:false}],missing:eur(0)},busy:false}},
 credit:{border:{look:'cash',codes:['coins_short'],works:[],short:[{value:20,hopper:3},{value:10,hopper:4}]},screen:{name:'pay',stay,bill,inserted:eur(1000),pieces:[],still_to_pay:eur(0),change:{amount:eur(490),coins:[{value:200,count:2,note:false},{value:50,count:1,note:false}],missing:eur(40),add:{value:10,change:eur(500)}},busy:false}},
 card:{screen:{name:'card',stay,bill,phase:'present',may_cancel:true}},
 change:{screen:{name:'change',why:'change',amount:eur(490),given:eur(400),coins:[{value:200,count:2,note:false},{value:50,count:1,note:false},{value:20,count:2,note:false}]}},
 paid:{screen:{name:'paid',stay,paid:eur(510),method:'cash',inserted:eur(1000),change:eur(450),credit:{code:'K7Q2-MX41',amount:eur(40),good_until:'2029-06-15'},exit_by:'2026-06-15T09:40:00Z',receipt:'printed',receipt_code:'R-81'}},
 ticket:{screen:{name:'ticket',phase:'take'}}, lost:{screen:{name:'lost',found:[]}}, validation:{screen:{name:'validation',stay,bill,taken:[{shop:'Galerie',discount:eur(200)}]}}, help:{screen:{name:'help',since:'2026-06-15T09:24:00Z',state:'calling'}},
 stopped:{border:{look:'stopped',codes:['store_failed'],works:['exits']},screen:{name:'stopped'}},
 still:{screen:{name:'pay',stay,bill,inserted:eur(1000),pieces:[],still_to_pay:eur(0),change:null,busy:false},deadline:{asks_in_ms:0,ends_in_ms:27000,may_double:true}},
 staff:{screen:{name:'staff',by:'jonas',shift:{id:'1',opened_at:'2026-06-15T05:00:00Z',opened_by:'jonas',float:eur(20000),payments:41,taken:eur(24510),change:eur(4120)},hoppers:[{hopper:1,value:200,count:80,low:false,jammed:false},{hopper:3,value:20,count:4,low:true,jammed:false}],box:[{value:1000,count:12,note:true},{value:200,count:40,note:false}],box_total:eur(20000),unsettled:[{at:'2026-06-14T20:00:00Z',amount:eur(500),code:'U-12'}]}},
}
let over={}
const srv=createServer((q,r)=>{const u=new URL(q.url,'http://x');if(u.pathname==='/kiosk/api/state'){r.writeHead(200,{'Content-Type':'text/event-stream'});r.write(`event: state\ndata: ${JSON.stringify({...base,...over,screen_id:1})}\n\n`);return}
 if(u.pathname==='/kiosk/api/do'){r.writeHead(409,{'Content-Type':'application/json'});return r.end('{"code":"change_missing"}')}
 const f=u.pathname==='/kiosk/'?'index.html':u.pathname.replace('/kiosk/','');const ct=f.endsWith('.html')?'text/html':f.endsWith('.js')?'text/javascript':f.endsWith('.css')?'text/css':'font/woff2';try{const b=readFileSync(here('../../../edge/internal/kioskweb/dist/kiosk/'+f));r.writeHead(200,{'Content-Type':ct});r.end(b)}catch{r.writeHead(404);r.end()}}).listen(0)
await test('tmpkiosk', async () => {
  const b=await chrome()
  const only=process.env.ONLY?.split(',')
  for (const [name,o] of Object.entries(S)) for (const theme of ['light', ...(['start','pay','credit'].includes(name)?['contrast']:[])]) {
    over=o;if(only&&!only.includes(name))continue
    const p=await page(`k-${name}-${theme}`,{bypassCSP:true,expected:['404','409'],viewport:{width:1080,height:1920}})
    await p.goto(`http://localhost:${srv.address().port}/kiosk/`)
    await p.waitForTimeout(350)
    if(theme==='contrast') await p.getByRole('button',{name:'Contrast'}).click()
    if(name==='plate'){await p.keyboard.press('d');await p.waitForTimeout(100);await p.keyboard.press('d')}
    await p.waitForTimeout(100)
    await look(p,`kiosk-${name}${theme==='contrast'?'-contrast':''}`); await accessible(p,`kiosk-${name}-${theme}`)
    await p.context().close()
  }
  srv.closeAllConnections();srv.close()
})
