;; A small plugin for test_stateful.py that keeps state: authenticate lets three visitors in, one a call, and then nobody;
;; template_function lets one out and gives how many are left, and refuses where nobody is in.
(module
  (memory (export "memory") 2)
  (global $inside (mut i32) (i32.const 0))
  (data (i32.const 0)
    "{\22authenticated\22:true,\22identity\22:{\22user_id\22:\22u-1\22,\22roles\22:[],\22groups\22:[],\22attributes\22:{}},\22claims\22:{},\22metadata\22:{}}")
  (data (i32.const 128)
    "{\22authenticated\22:false,\22claims\22:{},\22metadata\22:{},\22error_message\22:\22full\22}")
  (func (export "alloc") (param $size i32) (result i32)
    (i32.const 1024))
  (func (export "dealloc") (param $address i32) (param $size i32))
  (func (export "authenticate") (param $request i32) (param $size i32) (result i32 i32)
    (if (result i32 i32) (i32.lt_u (global.get $inside) (i32.const 3))
      (then
        (global.set $inside (i32.add (global.get $inside) (i32.const 1)))
        (i32.const 0) (i32.const 116))
      (else (i32.const 128) (i32.const 72))))
  (func (export "template_function") (param $request i32) (param $size i32) (result i32 i32)
    (if (i32.eqz (global.get $inside)) (then unreachable))
    (global.set $inside (i32.sub (global.get $inside) (i32.const 1)))
    (i32.store8 (i32.const 256) (i32.add (global.get $inside) (i32.const 48)))
    (i32.const 256) (i32.const 1)))
