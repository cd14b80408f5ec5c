"""The rules of MockForge's hosts: would this one load the module, and could it call it?"""
