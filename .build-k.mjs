import koffi from "koffi";
for (const n of [1,16384,32767,32768,65535,65536]) { const m=new WebAssembly.Memory({initial:n}); try { console.log(n, koffi.address(m.buffer)); } catch (e) { console.log(n, e.message); try { console.log(koffi.address(new Uint8Array(m.buffer,0,8)))} catch(e){console.log(e.message)} } }
const m=new WebAssembly.Memory({initial:1,maximum:2,shared:true}); try { console.log(koffi.address(m.buffer)) } catch (e) { console.log(e.message); console.log(koffi.address(new Uint8Array(m.buffer,0,8)))}
