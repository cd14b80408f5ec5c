;; A small plugin for test_documents.py: it admits everybody, and takes 64 KiB with each call that it never gives back.
(module
  (memory (export "memory") 2)
  (data (i32.const 0)
    "{\22authenticated\22:true,\22identity\22:{\22user_id\22:\22u-1\22,\22roles\22:[],\22groups\22:[],\22attributes\22:{}},\22claims\22:{},\22metadata\22:{}}")
  (func (export "alloc") (param $size i32) (result i32)
    (i32.const 1024))
  (func (export "dealloc") (param $address i32) (param $size i32))
  (func (export "authenticate") (param $request i32) (param $size i32) (result i32 i32)
    (drop (memory.grow (i32.const 1)))
    (i32.const 0) (i32.const 116)))
